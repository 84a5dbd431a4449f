import json
import shutil
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.shards.finding import find
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_sidecars
from pipelines.sources.folder import open_folder

ONE = PackingConfig(num_workers=1)


@pytest.fixture
def two_corpora(tiny_corpus: Path, tiny_snapshot, tmp_path: Path) -> tuple[Layout, dict]:
    """`tiny`, and `other` with one of its things under another name; and the row of that thing in `tiny`."""
    layout, snapshot = tiny_snapshot
    (tmp_path / "other").mkdir()
    for suffix in ("png", "en.txt", "fr.txt", "en.flac"):
        shutil.copy(tiny_corpus / "food" / f"apple.{suffix}", tmp_path / "other" / f"fruit.{suffix}")
    pack(open_folder(tmp_path / "other", corpus="other", languages=("en", "fr")), layout=layout, config=ONE)
    rows = read_sidecars(layout, snapshot).to_pylist()
    return layout, next(row for row in rows if row["caption"] == "apple")


@pytest.mark.parametrize("by", ["uid", "reference"])
def test_a_record_is_found_by_what_it_alone_has(two_corpora, by: str):
    layout, row = two_corpora
    (match,) = find(layout, by, row[by]).matches
    assert (match["corpus"], match["shard"], match["source_row"]) == ("tiny", row["shard"], row["source_row"])
    assert (match["uid"], match["caption"], match["status"]) == (row["uid"], "apple", "success")


@pytest.mark.parametrize("digest", ["sha256", "sha256_stored", "audio_sha256"])
def test_a_medium_is_found_wherever_it_is(two_corpora, digest: str):
    layout, row = two_corpora
    found = find(layout, "sha256", row[digest])
    assert {(match["corpus"], match["reference"]) for match in found.matches} >= {
        ("tiny", row["reference"]),
        ("other", "fruit.en.flac"),
    }


def test_the_same_content_from_two_sources_is_one_content_with_two_references(two_corpora):
    layout, row = two_corpora
    found = find(layout, "uid", row["uid"])
    (other,) = found.same_content
    assert (other["corpus"], other["reference"]) == ("other", "fruit.en.flac")
    assert other["content_id"] == found.matches[0]["content_id"]
    assert other["uid"] != row["uid"]


def test_only_one_corpus_is_looked_through_where_one_is_named(two_corpora):
    layout, row = two_corpora
    assert find(layout, "uid", row["uid"], corpus="tiny").same_content == ()
    with pytest.raises(ShardError, match=r"no row of 1 sidecars has uid"):
        find(layout, "uid", row["uid"], corpus="other")


def test_a_shard_that_was_not_finished_is_not_looked_at(two_corpora):
    layout, row = two_corpora
    snapshot = next(name for name in storage.names(f"{layout.corpora()}/tiny"))
    storage.remove(f"{layout.corpora()}/tiny/{snapshot}/{row['shard']:08d}_stats.json")
    with pytest.raises(ShardError, match="no row of"):
        find(layout, "uid", row["uid"])


def test_failures_are_found_with_their_reason(tiny_corpus: Path, tmp_path: Path):
    (tiny_corpus / "food" / "apple.en.flac").write_bytes(b"no clip")
    layout = Layout(str(tmp_path / "r"))
    pack(open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr")), layout=layout, config=ONE)
    (match,) = find(layout, "reference", "food/apple.en.flac").matches
    assert (match["status"], "uid" in match) == ("failed_to_decode", False)
    assert "does not decode" in match["error_message"]


def test_an_object_store_is_looked_through_too(tiny_corpus: Path, s3_root: str):
    layout = Layout(s3_root)
    snapshot = pack(open_folder(tiny_corpus, corpus="tiny"), layout=layout, config=ONE).snapshot
    row = read_sidecars(layout, snapshot).to_pylist()[3]
    (match,) = find(layout, "uid", row["uid"]).matches
    assert (match["corpus"], match["snapshot"], match["reference"]) == ("tiny", snapshot.snapshot, row["reference"])


def test_the_command_prints_rows_for_people_and_for_programs(two_corpora, capsys: pytest.CaptureFixture[str]):
    layout, row = two_corpora
    assert main(["find", "--root", layout.root, "--uid", row["uid"], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["num_matches"], told["num_other_references"]) == (1, 1)
    assert main(["find", "--root", layout.root, "--reference", row["reference"]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["num_matches: 1", "num_other_references: 1"]
    assert lines[3].startswith("- corpus tiny, snapshot ")
    assert main(["find", "--root", layout.root, "--url", "http://nowhere"]) == 1
