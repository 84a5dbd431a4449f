import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.listing import folders, stems_in, walk
from pipelines.sources.stems import group_by_stem

_PARTS = st.sampled_from(["a", "b", "a-b", "img", "old", "fr", "zh-Hant", "2"])
_NAMES = st.builds(
    lambda parts, suffix: ".".join((*parts, suffix)),
    st.lists(_PARTS, min_size=1, max_size=3),
    st.sampled_from(["jpg", "ogg", "txt", "json", "md"]),
)


@given(st.lists(_NAMES, unique=True))
def test_stems_that_stream_by_are_those_of_the_whole_folder(names: list[str]):
    streamed = list(stems_in(sorted(names)))
    assert dict(streamed) == group_by_stem(names)
    assert len(streamed) == len(dict(streamed))


def test_walking_leaves_out_hidden_files_links_and_excluded_folders(tmp_path: Path):
    for name in ("b/x.png", "a/y.png", ".git/z.png", "skip/me/q.png", "skip/not.png", ".DS_Store", "top.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "link.png").symlink_to(tmp_path / "top.png")
    (tmp_path / "outside").symlink_to("/")
    os.mkfifo(tmp_path / "pipe.png")
    found = [entry.path for entry in walk(tmp_path, exclude=("skip/me",))]
    assert found == ["top.png", "a/y.png", "b/x.png", "skip/not.png"]


def test_folders_come_one_at_a_time(tmp_path: Path):
    for name in ("b/x.png", "a/y.png", "top.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listing = folders(tmp_path)
    assert next(listing) == ("", ["top.png"])
    (tmp_path / "b" / "late.png").touch()
    assert list(listing) == [("a/", ["y.png"]), ("b/", ["late.png", "x.png"])]
