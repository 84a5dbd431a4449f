"""`pack` over every kind of source, as a user calls it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import webdataset

from pipelines.__main__ import main
from tests.conftest import flac, png
from tests.pipelines.sources.tables.conftest import write_table
from tests.web import Reply, WebServer


def pack(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> dict[str, object]:
    code = main(["pack", "--root", str(tmp_path / "root"), "--workers", "1", "--json", *arguments])
    said = capsys.readouterr()
    assert code == 0, said.err
    report: dict[str, object] = json.loads(said.out.splitlines()[-1])
    return report


def test_a_table_of_paths(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(png(number))
        (tmp_path / f"{number}.flac").write_bytes(flac(number))
    rows = [{"bild": f"{n}.png", "ton": f"{n}.flac", "titel": f"Bild {n}"} for n in range(4)]
    path = write_table(tmp_path / "t.csv", rows)
    columns = ("--column", "image=bild", "--column", "audio=ton", "--column", "text=titel")
    report = pack(capsys, tmp_path, "--source", str(path), *columns, "--language", "de", "--corpus", "mine")
    assert report["num_by_status"] == {"success": 3, "failed_to_decode": 1}
    assert (report["num_by_modalities"], report["num_by_language"]) == ({"image+text+audio": 3}, {"de": 3})
    assert report["facts"]["columns"] == "image=bild audio=ton text=titel"  # type: ignore[index]


def test_a_table_of_urls_asks_again_only_for_what_may_have_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    noai = Reply(body=png(2), headers=(("X-Robots-Tag", "noai"),))
    routes = {
        "/robots.txt": Reply(404),
        "/0": Reply(body=png(0)),
        "/1": Reply(404),
        "/2": noai,
        "/3": [Reply(503), Reply(body=png(3))],
    }
    with WebServer(routes) as server:
        path = write_table(tmp_path / "t.parquet", [{"url": f"{server.url}/{n}", "caption": str(n)} for n in range(4)])
        options = ("num_attempts=1", 'allowed_networks=["127.0.0.1/32"]', "backoff_seconds=0.01")
        arguments = ["--source", str(path), *(part for option in options for part in ("--download-option", option))]
        first = pack(capsys, tmp_path, *arguments)
        second = pack(capsys, tmp_path, *arguments)
        asked = [seen.path for seen in server.log if seen.path != "/robots.txt"]
    assert first["num_by_status"] == {"success": 1, "failed_to_download": 2, "refused": 1}
    assert second["num_samples"] == 2
    assert sorted(asked) == ["/0", "/1", "/2", "/3", "/3"]


def test_foreign_tars_in_the_small_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "tars").mkdir()
    with webdataset.TarWriter(str(tmp_path / "tars" / "0.tar")) as writer:
        for number in range(3):
            writer.write({"__key__": f"{number}", "png": png(number, 300), "txt": f"picture {number}"})
    source = ("--source", str(tmp_path / "tars"), "--profile", "train", "--image-side", "64")
    report = pack(capsys, tmp_path, *source)
    assert (report["num_samples"], str(report["snapshot"]).partition("-")[2]) == (3, "train64q92a16")
    sidecar = next((tmp_path / "root").glob("shards/*/*/00000000.parquet"))
    assert pq.read_table(sidecar, columns=["width"])["width"].to_pylist() == [64, 64, 64]


def test_a_corpus_of_a_catalog_beside_its_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_table(tmp_path / "data" / "t.jsonl", [{"id": n, "caption": f"text {n}"} for n in range(5)])
    catalog = tmp_path / "data" / "catalog.toml"
    catalog.write_text('[words]\nlocation = "t.jsonl"\nlanguages = ["en"]\nlicense = "CC0-1.0"\n')
    report = pack(capsys, tmp_path, "--catalog", str(catalog), "--corpus", "words")
    assert (report["corpus"], report["num_by_license"]) == ("words", {"CC0-1.0": 5})


def test_sizes_go_with_the_small_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["pack", "--root", str(tmp_path), "--corpus", "openmoji", "--image-side", "64"]) == 1
    assert "go with --profile train" in capsys.readouterr().err
