"""Every reader of files with rows or samples, over objects of a store."""

from pathlib import Path

import fsspec
import pytest
import webdataset

from pipelines.errors import SampleError, SourceError
from pipelines.sources.tables.table import TableOptions, open_table
from pipelines.sources.webdatasets.webdataset import open_webdataset
from tests.conftest import png
from tests.pipelines.sources.tables.conftest import read, records, write_table


def upload(root: str, path: Path, name: str) -> str:
    uri = f"{root}/{name}"
    with fsspec.open(uri, "wb") as file:
        file.write(path.read_bytes())
    return uri


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_tables_with_media_beside_them(s3_root: str, tmp_path: Path, suffix: str):
    picture = tmp_path / "a.png"
    picture.write_bytes(png(1))
    uri = upload(s3_root, picture, "set/a.png")
    upload(s3_root, picture, "elsewhere/a.png")
    images = ["a.png", uri, "gone.png", f"{s3_root}/elsewhere/a.png", "../elsewhere/a.png", str(picture)]
    for number in (1, 2):
        table = write_table(
            tmp_path / f"{number}.{suffix}", [{"image": image, "caption": f"{number}"} for image in images]
        )
        upload(s3_root, table, f"set/{number}.{suffix}")
    source = open_table([f"{s3_root}/set"], corpus="c", options=TableOptions())
    found = read(source)
    assert [one.image == png(1) if not isinstance(one, SampleError) else one.status for one in found] == 2 * [
        True, True, "failed_to_download", "refused", "refused", "refused",
    ]  # fmt: skip
    assert [one.name.partition("#")[0] for one in source.references()][:2] == ["a.png", uri]
    named = open_table(
        [f"{s3_root}/set/*.{suffix}"], corpus="c", options=TableOptions(media_folders=(f"{s3_root}/elsewhere",))
    )
    assert [isinstance(one, SampleError) for one in read(named)] == 2 * [False, False, True, False, True, True]


def test_a_changed_object_is_another_snapshot(s3_root: str, tmp_path: Path):
    uri = upload(s3_root, write_table(tmp_path / "t.csv", [{"caption": "one"}]), "t.csv")
    first = open_table([uri], corpus="c")
    upload(s3_root, write_table(tmp_path / "t.csv", [{"caption": "two"}]), "t.csv")
    second = open_table([uri], corpus="c")
    assert first.snapshot != second.snapshot
    assert [one.caption for one in records(second)] == ["two"]


def test_tars(s3_root: str, tmp_path: Path):
    for number in range(2):
        with webdataset.TarWriter(str(tmp_path / "0.tar")) as writer:
            for sample in range(20):
                writer.write({"__key__": f"{sample:02d}", "png": png(sample), "txt": f"{number}-{sample}"})
        upload(s3_root, tmp_path / "0.tar", f"tars/{number}.tar")
    source = open_webdataset([f"{s3_root}/tars"], corpus="c")
    references = list(source.references())
    found = list(source.read([*references[30:], *references[:5]]))
    assert [one.caption for one in found if not isinstance(one, SampleError)] == [
        *(f"1-{n}" for n in range(10, 20)),
        *(f"0-{n}" for n in range(5)),
    ]
    assert references[0].name == "0.tar/00"


def test_what_is_not_there_is_said(s3_root: str):
    with pytest.raises(SourceError, match="no file ends in"):
        open_table([f"{s3_root}/nothing"], corpus="c")
    with pytest.raises(SourceError, match=r"nosuch://x/t\.csv: cannot be listed \(ValueError: Protocol not known"):
        open_table(["nosuch://x/t.csv"], corpus="c")
