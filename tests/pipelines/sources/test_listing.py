import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.listing import group_by_stem, split_language, stems_of, walk


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("a", ("a", "")),
        ("a.fr", ("a", "fr")),
        ("a.pt_BR", ("a", "pt_BR")),
        ("a.zh-TW", ("a", "zh-TW")),
        ("a.fr.2", ("a", "fr")),
        ("a.2.fr", ("a", "fr")),
        ("a.2", ("a", "")),
        ("img.old", ("img.old", "")),
        ("fr", ("fr", "")),
        (".fr", (".fr", "")),
        ("a.en.fr", ("a.en", "fr")),
    ],
)
def test_a_language_or_number_stands_between_stem_and_suffix(base: str, expected: tuple[str, str]):
    assert split_language(base) == expected


def test_files_of_one_stem_belong_together():
    names = ["a.jpg", "a.JSON", "a.txt", "a.fr.txt", "a.fr.ogg", "a.1.wav", "b.PNG", "notes.md", ".a.txt"]
    stems = group_by_stem(iter(names))
    assert sorted(stems) == ["a", "b"]
    assert (stems["a"].images, stems["a"].json, stems["b"].images) == (["a.jpg"], ["a.JSON"], ["b.PNG"])
    assert stems["a"].texts == {"": "a.txt", "fr": "a.fr.txt"}
    assert [(clip.name, clip.language) for clip in stems["a"].clips] == [("a.1.wav", ""), ("a.fr.ogg", "fr")]


@given(st.lists(st.sampled_from(["a.jpg", "a.fr.ogg", "b.txt", "c.wav", "c.json", "x.md"]), unique=True))
def test_the_order_of_the_names_does_not_matter(names: list[str]):
    assert group_by_stem(iter(names)) == group_by_stem(iter(sorted(names, reverse=True)))


def test_walking_leaves_out_hidden_files_links_and_excluded_folders(tmp_path: Path):
    for name in ("b/x.png", "a/y.png", ".git/z.png", "skip/me/q.png", "skip/not.png", ".DS_Store", "top.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "link.png").symlink_to(tmp_path / "top.png")
    (tmp_path / "outside").symlink_to("/")
    os.mkfifo(tmp_path / "pipe.png")
    found = [entry.path for entry in walk(tmp_path, exclude=("skip/me",))]
    assert found == ["top.png", "a/y.png", "b/x.png", "skip/not.png"]


def test_a_folder_that_changed_is_listed_again(tmp_path: Path):
    (tmp_path / "a.png").touch()
    assert list(stems_of(tmp_path)) == ["a"]
    (tmp_path / "b.png").touch()
    os.utime(tmp_path, ns=(1, 1))  # a clock coarser than this test
    assert list(stems_of(tmp_path)) == ["a", "b"]
