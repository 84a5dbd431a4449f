import base64
import gzip
import json
import os
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import SampleError, SourceError
from pipelines.sources.tables.columns import Columns
from pipelines.sources.tables.table import TableOptions, open_table
from tests.conftest import png
from tests.pipelines.sources.tables.conftest import read, records, write_table
from tests.web import Reply, WebServer

LOOPBACK = {"allowed_networks": ["127.0.0.1/32"], "backoff_seconds": 0.01, "timeout_seconds": 5.0}
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)


def test_paths_are_relative_to_the_table(tmp_path: Path, suffix: str):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "cat.png").write_bytes(b"P")
    (tmp_path / "media" / "cat.flac").write_bytes(b"F")
    row = {
        "image": "media/cat.png", "audio": "media/cat.flac", "caption": "a cat", "lang": "en", "license": "CC0",
        "label": "animals", "speaker": "ann", "page_url": "https://a.example/cat", "width": 640,
    }  # fmt: skip
    path = write_table(tmp_path / f"t.{suffix}", [row, {**row, "audio": ""}])
    first, second = records(open_table([str(path)], corpus="c"))
    assert (first.image, first.audio, first.image_extension, first.audio_extension) == (b"P", b"F", "png", "flac")
    assert (first.texts, first.language, first.license, first.voice) == ({"en": "a cat"}, "en", "CC0", "ann")
    assert (first.tags, first.url) == (("animals",), "https://a.example/cat")
    assert first.original_data == {"width": "640"}
    assert (second.audio, second.image) == (None, b"P")
    assert first.reference.group == second.reference.group == "media/cat.png"
    assert first.reference.name != second.reference.name
    assert first.reference.num_bytes == 2


def test_urls_are_fetched_once_each_and_failures_keep_their_place(tmp_path: Path, suffix: str):
    routes = {"/a.png": Reply(body=b"A"), "/b.png": Reply(404), "/c.png": Reply(503), "/d.png": Reply(body=b"D")}
    routes["/robots.txt"] = Reply(404)
    with WebServer(routes) as server:
        rows = [{"url": server.url + path, "caption": path} for path in ("/a.png", "/b.png", "/c.png", "/d.png")]
        path = write_table(tmp_path / f"t.{suffix}", rows)
        options = TableOptions(download={**LOOPBACK, "num_attempts": 1}, state_folder=tmp_path / "state")
        found = read(open_table([str(path)], corpus="c", options=options))
        asked = [seen.path for seen in server.log]
    assert [asked.count(path) for path in routes if path != "/robots.txt"] == [1, 1, 1, 1]
    assert [one.image if not isinstance(one, SampleError) else one.status for one in found] == [
        b"A", "failed_to_download", "failed_to_download", b"D",
    ]  # fmt: skip
    assert [one.downloads[0].http_status for one in found] == [200, 404, 503, 200]
    assert [one.transient for one in found if isinstance(one, SampleError)] == [False, True]


def test_paths_urls_and_bytes_may_be_mixed_and_keep_their_order(tmp_path: Path):
    (tmp_path / "x.png").write_bytes(b"X")
    with WebServer({"/a.png": Reply(body=b"A"), "/robots.txt": Reply(404)}) as server:
        rows = [{"image": "x.png" if n % 150 else f"{server.url}/a.png", "id": n} for n in range(400)]
        path = write_table(tmp_path / "t.jsonl", rows)
        options = TableOptions(download=LOOPBACK, state_folder=tmp_path / "state")
        found = records(open_table([str(path)], corpus="c", options=options))
    assert [one.reference.name for one in found] == [str(n) for n in range(400)]
    assert [n for n, one in enumerate(found) if one.image == b"A"] == [0, 150, 300]


def test_one_url_with_two_captions_is_two_names_and_listed_twice_is_one(tmp_path: Path, suffix: str):
    rows = [{"url": "https://a.example/x.jpg", "caption": caption} for caption in ("one", "two", "one")]
    path = write_table(tmp_path / f"t.{suffix}", rows)
    first, second, third = open_table([str(path)], corpus="c").references()
    assert first.name == third.name != second.name
    assert first.group == second.group == "https://a.example/x.jpg"


def test_a_column_of_names_is_taken_as_it_is(tmp_path: Path, suffix: str):
    rows = [{"uid": "ab12", "url": "https://a.example/x.jpg"}, {"uid": "cd34", "url": "https://a.example/y.jpg"}]
    path = write_table(tmp_path / f"t.{suffix}", rows)
    assert [one.name for one in open_table([str(path)], corpus="c").references()] == ["ab12", "cd34"]


def test_rows_without_name_or_address_are_called_by_file_and_number(tmp_path: Path, suffix: str):
    path = write_table(tmp_path / f"t.{suffix}", [{"caption": "one"}, {"caption": "two"}])
    source = open_table([str(path)], corpus="c", languages=("de",))
    assert [one.name for one in source.references()] == [f"t.{suffix}#0", f"t.{suffix}#1"]
    assert [(one.texts, one.modalities) for one in records(source)] == [
        ({"de": "one"}, ("text",)),
        ({"de": "two"}, ("text",)),
    ]


def test_bytes_of_parquet_are_media_and_their_listing_leaves_them_unread(tmp_path: Path):
    table = pa.table({"jpg": [png(seed) for seed in range(10)], "caption": [str(n) for n in range(10)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    source = open_table([str(tmp_path)], corpus="c")
    references = list(source.references())
    assert [one.image for one in source.read(references)] == [png(seed) for seed in range(10)]
    assert all(reference.num_bytes > 100 for reference in references)
    assert [one.locator for one in references[3:6]] == [(0, 0, 3), (0, 1, 0), (0, 1, 1)]


def test_base64_is_decoded_where_the_mapping_says_so(tmp_path: Path):
    rows = [{"img": base64.b64encode(b"PNG").decode()}, {"img": "no base64!"}]
    path = write_table(tmp_path / "t.jsonl", rows)
    good, bad = read(open_table([str(path)], corpus="c", options=TableOptions(columns=Columns(image="base64:img"))))
    assert good.image == b"PNG"
    assert (str(bad), bad.status) == ("t.jsonl#1: image: not base64 (Only base64 data is allowed).", "failed_to_decode")


def test_captions_in_several_languages_and_several_in_one(tmp_path: Path):
    rows = [{"id": 1, "title": ["a", "b"], "legende": "un", "titel": ""}]
    path = write_table(tmp_path / "t.jsonl", rows)
    columns = Columns(text=("title",), texts={"fr": "legende", "de": "titel"})
    (found,) = records(open_table([str(path)], corpus="c", languages=("en",), options=TableOptions(columns=columns)))
    assert (found.texts, found.language, found.captions) == ({"en": "a", "fr": "un"}, "en", ("b",))


def test_boxes_of_faces_come_as_lists_or_as_json(tmp_path: Path, suffix: str):
    boxes = [[0.1, 0.2, 0.3, 0.4]]
    value = boxes if suffix in {"jsonl", "parquet"} else json.dumps(boxes)
    path = write_table(tmp_path / f"t.{suffix}", [{"id": 1, "caption": "x", "face_bboxes": value}])
    assert records(open_table([str(path)], corpus="c"))[0].face_bboxes == ((0.1, 0.2, 0.3, 0.4),)


def test_many_files_a_folder_a_pattern_and_a_list_are_one_source(tmp_path: Path, suffix: str):
    for name in ("a/1", "a/2", "b/1"):
        write_table(tmp_path / f"{name}.{suffix}", [{"caption": name}])
    (tmp_path / "a" / ".hidden.csv").write_text("caption\nx\n")
    for locations in (
        [str(tmp_path)],
        [f"{tmp_path}/*/*.{suffix}"],
        [f"{tmp_path}/**/*.{suffix}"],
    ):
        source = open_table(locations, corpus="c")
        assert [one.name for one in source.references()] == [f"{name}.{suffix}#0" for name in ("a/1", "a/2", "b/1")]
    two = open_table([str(tmp_path / "a" / f"1.{suffix}"), str(tmp_path / "a" / f"2.{suffix}")], corpus="c")
    assert [one.caption for one in records(two)] == ["a/1", "a/2"]
    with pytest.raises(SourceError, match=r"could not be told apart\. Name a folder above both"):
        open_table([str(tmp_path / "a" / f"1.{suffix}"), str(tmp_path / "b" / f"1.{suffix}")], corpus="c")


def test_any_references_are_read_by_a_copy_in_any_order(tmp_path: Path, suffix: str):
    for name in ("1", "2"):
        write_table(tmp_path / f"{name}.{suffix}", [{"caption": f"{name}-{n}"} for n in range(10)])
    source = pickle.loads(pickle.dumps(open_table([str(tmp_path)], corpus="c")))  # noqa: S301
    references = list(source.references())
    some = [references[n] for n in (15, 3, 4, 0, 19, 18)]
    assert [one.caption for one in source.read(some)] == ["2-5", "1-3", "1-4", "1-0", "2-9", "2-8"]


def test_a_gzipped_table_is_read_in_place(tmp_path: Path):
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(b'{"caption": "one"}\n{"caption": "two"}\n'))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"caption\none\ntwo\n"))
    for name in ("t.jsonl.gz", "t.csv.gz"):
        assert [one.caption for one in records(open_table([str(tmp_path / name)], corpus="c"))] == ["one", "two"]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_rows_that_are_appended_leave_the_versions_of_the_others(tmp_path: Path, suffix: str):
    rows = [{"id": n, "caption": f"text {n}"} for n in range(4)]
    before = open_table([str(write_table(tmp_path / f"t.{suffix}", rows[:3]))], corpus="c")
    versions = [one.version for one in before.references()]
    after = open_table([str(write_table(tmp_path / f"t.{suffix}", rows))], corpus="c")
    assert [one.version for one in after.references()][:3] == versions
    assert before.snapshot != after.snapshot
    changed = write_table(tmp_path / f"t.{suffix}", [{"id": 0, "caption": "other"}, *rows[1:]])
    (first, *others) = (one.version for one in open_table([str(changed)], corpus="c").references())
    assert (first != versions[0], others[:2]) == (True, versions[1:])


def test_a_picture_that_changed_and_another_mapping_change_the_version(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"1")
    path = write_table(tmp_path / "t.csv", [{"image": "a.png", "title": "x", "alt": "y"}])
    source = open_table([str(path)], corpus="c")
    first = next(source.references()).version
    mapped = TableOptions(columns=Columns(text=("title",)))
    assert next(open_table([str(path)], corpus="c", options=mapped).references()).version != first
    os.utime(tmp_path / "a.png", ns=(1, 1))
    assert next(source.references()).version != first


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries({"id": st.integers(-(2**63), 2**63 - 1), "caption": TEXTS, "other": TEXTS}), min_size=1
    )
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_texts_survive_whatever_is_in_them(tmp_path: Path, suffix: str, rows: list[dict[str, object]]):
    path = write_table(tmp_path / f"t.{suffix}", rows)
    found = read(open_table([str(path)], corpus="c"))
    assert [(one.caption, one.original_data) for one in found] == [
        (str(row["caption"]).strip(), {"other": row["other"]}) for row in rows
    ]


def test_facts_print_the_mapping(tmp_path: Path):
    path = write_table(tmp_path / "t.csv", [{"URL": "https://a.example/x.jpg", "TEXT": "x", "uid": "1"}])
    facts = open_table([str(path)], corpus="c", licence="CC0").facts()
    assert (facts["columns"], facts["num_files"], facts["license"]) == ("image=URL text=TEXT name=uid", 1, "CC0")
