"""One case for each thing that is wrong with tables: a row with a reason, or an error that names the column."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.errors import SampleError, SourceError
from pipelines.sources.tables import delimited, lines
from pipelines.sources.tables.columns import Columns
from pipelines.sources.tables.table import TableOptions, open_table
from tests.pipelines.sources.tables.conftest import read, write_table

LONG = b"x" * 3000


@pytest.mark.parametrize(
    ("name", "bad", "said"),
    [
        ("t.csv", b'2,"never closed', "line 3: unexpected end of data"),
        ("t.csv", b'2,"closed" too early', "line 3: ',' expected after '\"'"),
        ("t.csv", b"2", "line 3: 1 values, expected 2: id, caption"),
        ("t.csv", b"2,a,b,c", "line 3: 4 values, expected 2: id, caption"),
        ("t.csv", b"2,\xff\xfe", "line 3: 'utf-8' codec can't decode byte 0xff"),
        ("t.csv", b"2," + LONG, "line 3: a row of 2000 bytes or more"),
        ("t.csv", b'2,"' + LONG, "line 3: a row of 2000 bytes or more"),
        ("t.tsv", b"2\ta\tb", "line 3: 3 values, expected 2"),
        ("t.jsonl", b'{"id": 2, "caption": ', "line 3: not JSON"),
        ("t.jsonl", b"[2]", "line 3: a JSON list, expected an object"),
        ("t.jsonl", b'{"id": 2, "caption": "\xff"}', "line 3: not JSON"),
        ("t.jsonl", b"[" * 1500, "line 3: not JSON"),
        ("t.jsonl", b'{"id": 2, "caption": "' + LONG + b'"}', "line 3: not JSON"),
        ("t.jsonl", b'{"id": 2, "caption": {"a": 1}}', "2: caption: a dict, expected a text"),
        ("t.jsonl", b'{"id": 2, "image": 3}', "2: image: a int, expected a path, a URL or bytes"),
        ("t.jsonl", b'{"id": 2, "face_bboxes": [[0, 0, 2, 1]]}', "2: face_bboxes must be a list"),
        ("t.jsonl", b'{"id": 2, "tags": {"a": 1}}', "tags must be a list of texts"),
    ],
)
def test_a_bad_row_is_a_value_with_its_line_and_its_neighbours_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, bad: bytes, said: str
):
    for module in (lines, delimited):
        monkeypatch.setattr(module, "MAX_ROW_BYTES", 2000)
    head, one, three = {
        "t.csv": (b"id,caption", b"1,one", b"3,three"),
        "t.tsv": (b"id\tcaption", b"1\tone", b"3\tthree"),
        "t.jsonl": (b"", b'{"id": 1, "caption": "one"}', b'{"id": 3, "caption": "three"}'),
    }[name]
    (tmp_path / name).write_bytes(b"\n".join((head, one, bad, three, b"")))
    columns = Columns(name="id", text=("caption",))
    if name == "t.jsonl":
        row = b'{"id": 0, "caption": "", "image": "", "tags": [], "face_bboxes": []}'
        (tmp_path / name).write_bytes(b"\n".join((row, one, bad, three, b"")))
        columns = Columns(image="image", name="id", text=("caption",), tags="tags", face_bboxes="face_bboxes")
    found = read(open_table([str(tmp_path / name)], corpus="c", options=TableOptions(columns=columns)))[-3:]
    first, error, last = found
    assert (first.caption, last.caption, last.reference.name) == ("one", "three", "3")
    assert isinstance(error, SampleError)
    assert said in str(error)
    assert error.status == "failed_to_decode"


def test_a_quote_that_is_never_closed_costs_one_row_and_others_none(tmp_path: Path):
    (tmp_path / "t.csv").write_text('id,caption\n1,"a\nb"\n2,"x\n3,three\n4,y"z\n5,"say ""hi"", she said"\n')
    found = read(open_table([str(tmp_path / "t.csv")], corpus="c"))
    assert [one.caption if not isinstance(one, SampleError) else str(one)[:13] for one in found] == [
        "a\nb", "t.csv line 4:", "three", 'y"z', 'say "hi", she said',
    ]  # fmt: skip


def test_quotes_in_a_tsv_are_characters_unless_the_catalog_says_otherwise(tmp_path: Path):
    (tmp_path / "t.tsv").write_text('path\tsentence\na.mp3\t"Yes", she said\nb.mp3\tit\'s 5" long\n')
    source = open_table([str(tmp_path / "t.tsv")], corpus="c")
    assert str(source.rules.columns) == "audio=path text=sentence"
    names = [one.values["sentence"] for one in source.rows.scan(source.files[0], ["sentence"])]
    assert names == ['"Yes", she said', "it's 5\" long"]
    (tmp_path / "t.tsv").write_text('caption\n"a\tb"\n')
    quoted = open_table([str(tmp_path / "t.tsv")], corpus="c", options=TableOptions(text={"quotes": True}))
    assert [one.caption for one in read(quoted)] == ["a\tb"]


def test_a_file_without_a_line_of_names_gets_them_from_the_catalog(tmp_path: Path):
    (tmp_path / "t.tsv").write_text("a cat\thttps://a.example/1.jpg\na dog\thttps://a.example/2.jpg\n")
    options = TableOptions(text={"header": ["caption", "url"]})
    source = open_table([str(tmp_path / "t.tsv")], corpus="c", options=options)
    assert [one.group for one in source.references()] == ["https://a.example/1.jpg", "https://a.example/2.jpg"]


def _secret(tmp_path: Path) -> Path:
    (tmp_path / "secret.png").write_bytes(b"S")
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"A")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "inside.png").symlink_to(folder / "a.png")
    (folder / "out").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.png")
    return folder


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("../secret.png", "refused", "leads outside"),
        ("{tmp}/secret.png", "refused", "leads outside"),
        ("file://{tmp}/secret.png", "refused", "leads outside"),
        ("link.png", "refused", "leads outside"),
        ("out/secret.png", "refused", "leads outside"),
        ("pipe.png", "refused", "no regular file"),
        (".", "failed_to_decode", "Is a directory"),
        ("gone.png", "failed_to_decode", "no such file"),
        ("a\0b.png", "failed_to_decode", "cannot be read"),
        ("x" * 5000, "failed_to_decode", "cannot be read"),
        ("s3://other-bucket/x.png", "refused", "not below"),
        ("memory://x.png", "refused", "not below"),
        ("simplecache::file:///etc/passwd", "refused", "not below"),
        ("ftp://a.example/x.png", "refused", "not below"),
    ],
)
def test_an_address_that_leads_elsewhere_is_refused(tmp_path: Path, address: str, status: str, said: str):
    folder = _secret(tmp_path)
    written = address.format(tmp=tmp_path) if "{" in address else address
    write_table(folder / "t.jsonl", [{"image": written}, {"image": "a.png"}, {"image": "inside.png"}])
    bad, good, linked = read(open_table([str(folder / "t.jsonl")], corpus="c"))
    assert isinstance(bad, SampleError)
    assert (bad.status, good.image, linked.image) == (status, b"A", b"A")
    assert said in str(bad)


def test_a_folder_of_media_that_is_named_may_lie_anywhere(tmp_path: Path):
    folder = _secret(tmp_path)
    write_table(folder / "t.csv", [{"image": "secret.png"}, {"image": f"{folder}/a.png"}])
    options = TableOptions(media_folders=(str(tmp_path),))
    assert [one.image for one in read(open_table([str(folder / "t.csv")], corpus="c", options=options))] == [b"S", b"A"]


@pytest.mark.parametrize(
    ("content", "columns", "said"),
    [
        (b"", Columns(), "holds no names of columns"),
        (b"\xff\xfei\x00d\x00\n\x00", Columns(), "is UTF-16"),
        (b"\xff\n", Columns(), "cannot be read as names of columns"),
        (b"id,id\n1,2\n", Columns(), "two columns are called id"),
        (b"a,b\n1,2\n", Columns(), "none of its columns is known .* It has a, b"),
        (
            b"url,caption\n1,2\n",
            Columns(text=("captoin",)),
            "no column 'captoin' .text.. Did you mean caption\\? It has url, caption",
        ),
    ],
)
def test_a_table_that_cannot_be_read_at_all_says_why(tmp_path: Path, content: bytes, columns: Columns, said: str):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(SourceError, match=rf"t\.csv: .*{said}"):
        open_table([str(tmp_path)], corpus="c", options=TableOptions(columns=columns))


def test_json_that_is_one_array_is_told_apart(tmp_path: Path):
    (tmp_path / "t.json").write_text('[\n {"url": "x"},\n {"url": "y"}\n]')
    with pytest.raises(SourceError, match=r"no lines of JSON objects.*jq"):
        open_table([str(tmp_path)], corpus="c")


def test_tables_of_two_kinds_are_not_one_source(tmp_path: Path):
    write_table(tmp_path / "a.csv", [{"caption": "x"}])
    write_table(tmp_path / "b.parquet", [{"caption": "x"}])
    with pytest.raises(SourceError, match=r"a\.csv and .*b\.parquet are tables of two kinds"):
        open_table([str(tmp_path)], corpus="c")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_later_file_without_the_column_is_named(tmp_path: Path, suffix: str):
    write_table(tmp_path / f"1.{suffix}", [{"caption": "x", "id": "1"}])
    write_table(tmp_path / f"2.{suffix}", [{"text": "x", "id": "2"}])
    with pytest.raises(SourceError, match=rf"2\.{suffix}: no column 'caption' .text.. It has text, id"):
        list(open_table([str(tmp_path)], corpus="c").references())


@pytest.mark.parametrize("cut", [0, 3, 40])
def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, cut: int):
    path = write_table(tmp_path / "t.parquet", [{"caption": "x"}])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SourceError, match=r"t\.parquet: cannot be read as Parquet"):
        open_table([str(tmp_path)], corpus="c")


def test_a_damaged_page_of_pictures_costs_its_row_group(tmp_path: Path):
    table = pa.table({"image": [bytes([n]) * 4000 for n in range(9)], "id": list(range(9))})
    pq.write_table(
        table,
        tmp_path / "t.parquet",
        row_group_size=3,
        compression="none",
        use_dictionary=False,
        write_page_checksum=False,
    )
    chunk = pq.ParquetFile(tmp_path / "t.parquet").metadata.row_group(1).column(0)
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[chunk.data_page_offset : chunk.data_page_offset + 12] = b"\xff" * 12
    (tmp_path / "t.parquet").write_bytes(bytes(data))
    found = read(open_table([str(tmp_path)], corpus="c"))
    assert [isinstance(one, SampleError) for one in found] == [False] * 3 + [True] * 3 + [False] * 3
    assert "t.parquet row group 1 row 1:" in str(found[4])


def test_text_that_is_not_utf8_costs_its_row_in_parquet(tmp_path: Path):
    captions = pa.array([b"one", b"\xff", b"three"]).view(pa.string())
    pq.write_table(pa.table({"caption": captions, "id": [1, 2, 3]}), tmp_path / "t.parquet")
    first, bad, last = read(open_table([str(tmp_path)], corpus="c"))
    assert (first.caption, last.caption) == ("one", "three")
    assert "t.parquet row group 0 row 1: not UTF-8" in str(bad)
