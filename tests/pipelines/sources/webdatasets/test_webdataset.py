"""Tars as webdataset's own writer and the standard library make them."""

import io
import json
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import webdataset

from pipelines.errors import SampleError, SourceError
from pipelines.layout import Layout
from pipelines.samples import Record, Snapshot
from pipelines.sources.webdatasets.webdataset import WebdatasetSource, open_webdataset


def write_tar(path: Path, *samples: Mapping[str, object]) -> Path:
    """Each sample as webdataset writes it; values are encoded by their extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with webdataset.TarWriter(str(path)) as writer:
        for sample in samples:
            writer.write(dict(sample))
    return path


def write_raw(path: Path, *entries: tuple[str, bytes] | tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                tar.addfile(info, io.BytesIO(entry[1]))
    return path


def read(source: WebdatasetSource) -> list[Record | SampleError]:
    return list(source.read(source.references()))


def records(source: WebdatasetSource) -> dict[str, Record]:
    found = read(source)
    assert all(isinstance(one, Record) for one in found), found
    return {one.reference.name: one for one in found if isinstance(one, Record)}


def test_a_folder_of_img2dataset_is_read(tmp_path: Path):
    fields = {
        "caption": "a cat",
        "url": "https://a.example/cat.jpg",
        "key": "000000000",
        "status": "success",
        "width": 3,
    }
    write_tar(tmp_path / "00000.tar", {"__key__": "000000000", "jpg": b"J0", "txt": "a cat", "json": fields})
    write_tar(tmp_path / "00001.tar", {"__key__": "000010000", "jpg": b"J1", "txt": ""})
    (tmp_path / "00000_stats.json").write_text("{}")
    found = records(open_webdataset([str(tmp_path)], corpus="c", licence="CC0", languages=("en",)))
    first, second = found["00000.tar/000000000"], found["00001.tar/000010000"]
    assert (first.image, first.texts, first.url) == (b"J0", {"en": "a cat"}, "https://a.example/cat.jpg")
    assert first.original_data == {"key": "000000000", "status": "success", "width": "3"}
    assert (first.image_extension, first.license, first.audio) == ("jpg", "CC0", None)
    assert (second.image, second.caption) == (b"J1", "")


def test_all_captions_of_laion_clap_are_kept(tmp_path: Path):
    fields = {"text": ["a dog barks", "barking"], "tag": ["dog"], "original_data": {"license": "CC-BY-4.0", "id": 7}}
    path = write_tar(tmp_path / "0.tar", {"__key__": "0", "flac": b"F", "json": fields})
    (found,) = records(open_webdataset([str(path)], corpus="c")).values()
    assert (found.caption, found.captions, found.audio, found.image) == ("a dog barks", ("barking",), b"F", None)
    assert (found.tags, found.license, found.original_data["id"]) == (("dog",), "CC-BY-4.0", "7")


def test_classes_of_clip_benchmark_get_their_names(tmp_path: Path):
    write_tar(tmp_path / "test" / "0.tar", {"__key__": "s0000000", "webp": b"W", "cls": 1})
    (tmp_path / "classnames.txt").write_text("tench, Tinca tinca\ngreat white shark\n")
    (found,) = records(open_webdataset([str(tmp_path)], corpus="c")).values()
    assert (found.tags, found.original_data, found.image_extension) == (("great white shark",), {"cls": "1"}, "webp")


def test_lines_are_captions_in_a_retrieval_set_of_clip_benchmark(tmp_path: Path):
    write_tar(tmp_path / "test" / "0.tar", {"__key__": "s0", "jpg": b"J", "txt": "one\ntwo"})
    (tmp_path / "dataset_type.txt").write_text("retrieval")
    (found,) = records(open_webdataset([str(tmp_path)], corpus="c")).values()
    assert (found.caption, found.captions) == ("one", ("two",))


def test_several_clips_of_a_sample_share_its_picture_and_its_group(tmp_path: Path):
    sample = {"__key__": "cat", "png": b"P", "en.flac": b"E", "fr.flac": b"F", "en.txt": b"cat", "fr.txt": b"chat"}
    path = write_tar(tmp_path / "0.tar", sample)
    found = records(open_webdataset([str(path)], corpus="c"))
    assert {name: (one.language, one.caption, one.audio, one.image) for name, one in found.items()} == {
        "0.tar/cat.en.flac": ("en", "cat", b"E", b"P"),
        "0.tar/cat.fr.flac": ("fr", "chat", b"F", b"P"),
    }
    assert {one.reference.group for one in found.values()} == {"0.tar/cat"}


def test_shards_of_our_own_are_read_back(tiny_snapshot: tuple[Layout, Snapshot]):
    layout, snapshot = tiny_snapshot
    found = records(open_webdataset([layout.shards(snapshot)], corpus="again"))
    cat = next(one for one in found.values() if one.caption == "chat")
    assert len(found) == 12
    assert (cat.language, cat.texts, cat.license, cat.voice) == ("fr", {"en": "cat", "fr": "chat"}, "CC0-1.0", "tone")
    assert cat.image
    assert cat.audio


def test_it_reads_what_webdataset_reads(tmp_path: Path):
    samples = [
        {"__key__": f"{n:04d}", "jpg": bytes([n]) * n, "txt": f"caption {n}", "json": {"n": n}} for n in range(1, 40)
    ]
    path = write_tar(tmp_path / "0.tar", *samples)
    with path.open("rb") as stream:  # webdataset leaves closing to the collector
        files = webdataset.tariterators.tar_file_expander([{"url": str(path), "stream": stream}])
        theirs = {
            one["__key__"]: (one["jpg"], one["txt"].decode()) for one in webdataset.tariterators.group_by_keys(files)
        }
    ours = records(open_webdataset([str(path)], corpus="c"))
    assert {name.removeprefix("0.tar/"): (one.image, one.caption) for name, one in ours.items()} == theirs


def test_pictures_first_and_texts_last_is_one_sample_each(tmp_path: Path):
    path = write_raw(tmp_path / "0.tar", ("a.jpg", b"A"), ("b.jpg", b"B"), ("a.txt", b"one"), ("b.txt", b"two"))
    found = records(open_webdataset([str(path)], corpus="c"))
    assert [(one.image, one.caption) for one in found.values()] == [(b"A", "one"), (b"B", "two")]


def test_any_part_of_the_references_can_be_read_by_a_copy_in_any_order(tmp_path: Path):
    for number in range(3):
        write_tar(tmp_path / f"{number}.tar", *({"__key__": f"{n}", "txt": f"{number}-{n}"} for n in range(5)))
    source = pickle.loads(pickle.dumps(open_webdataset([str(tmp_path)], corpus="c")))  # noqa: S301
    references = list(source.references())
    some = [references[n] for n in (12, 3, 4, 0, 14)]
    assert [one.caption for one in source.read(some)] == ["2-2", "0-3", "0-4", "0-0", "2-4"]
    assert [reference.row for reference in references] == list(range(15))


def link(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("entries", "status", "said"),
    [
        ([("../x.jpg", b"1")], "refused", "leads elsewhere"),
        ([link("x.jpg"), ("x.txt", b"t")], "refused", "a symbolic link"),
        ([("x.npy", b"1")], "refused", "no image, no clip and no text among its parts: npy"),
        ([("x.jpg", b"1"), ("x.json", b"{")], "failed_to_decode", "not JSON"),
        ([("x.jpg", b"1"), ("x.txt", b"\xff")], "failed_to_decode", "not UTF-8"),
        ([("x.jpg", b"1"), ("x.txt", b"t" * (1 << 21))], "refused", "larger than"),
        ([("x.jpg", b"1"), ("x.cls", b"1" * 2000)], "refused", "larger than"),
    ],
)
def test_a_bad_sample_is_a_value_with_a_reason(
    tmp_path: Path, entries: list[tuple[str, bytes]], status: str, said: str
):
    path = write_raw(tmp_path / "0.tar", ("a.jpg", b"A"), *entries, ("z.jpg", b"Z"))
    first, bad, last = read(open_webdataset([str(path)], corpus="c"))
    assert isinstance(bad, SampleError)
    assert (bad.status, first.image, last.image) == (status, b"A", b"Z")
    assert said in str(bad)
    assert "0.tar/" in str(bad) or "x." in str(bad)


def test_a_tar_that_ends_early_gives_what_is_there_and_one_reason(tmp_path: Path):
    path = write_raw(tmp_path / "0.tar", ("a.jpg", b"A"), ("b.jpg", b"B" * 5000))
    path.write_bytes(path.read_bytes()[:2000])
    first, bad = read(open_webdataset([str(path)], corpus="c"))
    assert (first.image, str(bad)) == (b"A", "0.tar/b: b.jpg is cut off: 464 of 5000 bytes are there")


def test_a_tar_that_shrank_after_the_listing_is_a_reason_too(tmp_path: Path):
    path = write_raw(tmp_path / "0.tar", ("a.jpg", b"A"), ("b.jpg", b"B" * 5000))
    source = open_webdataset([str(path)], corpus="c")
    references = list(source.references())
    path.write_bytes(path.read_bytes()[:2000])
    first, bad = source.read(references)
    assert (first.image, str(bad)) == (b"A", "0.tar/b: b.jpg is cut off: 464 of 5000 bytes are there.")


def test_the_same_member_twice_is_the_same_name_twice(tmp_path: Path):
    path = write_raw(tmp_path / "0.tar", ("a.jpg", b"A"), ("a.jpg", b"B"), ("a.txt", b"t"))
    references = list(open_webdataset([str(path)], corpus="c").references())
    assert [one.name for one in references] == ["0.tar/a", "0.tar/a"]


def test_nothing_is_unpickled(tmp_path: Path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    bomb = pickle.dumps(Bomb())
    path = write_raw(tmp_path / "0.tar", *((f"a.{kind}", bomb) for kind in ("pyd", "pickle", "pth")), ("a.jpg", b"A"))
    assert [one.image for one in records(open_webdataset([str(path)], corpus="c")).values()] == [b"A"]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("pipe:echo x.tar", "neither a path nor a URI"),
        ("simplecache::s3://a/b.tar", "neither a path nor a URI"),
        ("none.tar", "no such file"),
        (".", "no file ends in .tar"),
    ],
)
def test_a_location_that_is_none_is_said(tmp_path: Path, location: str, said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=said):
        open_webdataset([location], corpus="c")


@pytest.mark.parametrize(("data", "said"), [(b"\x1f\x8b" + b"x" * 600, "compressed"), (b"x" * 600, "no tar")])
def test_what_is_no_tar_is_said(tmp_path: Path, data: bytes, said: str):
    (tmp_path / "0.tar").write_bytes(data)
    with pytest.raises(SourceError, match=said):
        open_webdataset([str(tmp_path)], corpus="c")


def test_a_damaged_tar_among_good_ones_is_a_row(tmp_path: Path):
    write_tar(tmp_path / "0.tar", {"__key__": "a", "txt": "one"})
    (tmp_path / "1.tar").write_bytes(b"x" * 600)
    good, bad = read(open_webdataset([str(tmp_path)], corpus="c"))
    assert (good.caption, str(bad)) == ("one", "1.tar/@0: no tar header at offset 0")


def test_the_snapshot_and_versions_change_with_a_tar_and_with_how_it_is_read(tmp_path: Path):
    path = write_tar(tmp_path / "0.tar", {"__key__": "a", "txt": "one"})
    first = open_webdataset([str(path)], corpus="c")
    other = open_webdataset([str(path)], corpus="c", licence="CC0")
    write_tar(path, {"__key__": "a", "txt": "three"}, {"__key__": "b", "txt": "x"})
    changed = open_webdataset([str(path)], corpus="c")
    assert len({first.snapshot, other.snapshot, changed.snapshot}) == 3
    assert next(first.references()).version != next(changed.references()).version
    assert json.dumps(dict(first.facts()))
