"""Megatron-Energon 7.4 takes our export for its own `energon prepare`, lints it and reads every sample."""

import hashlib
import io
import shutil
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from pipelines.exporting.energon import export_energon
from tests.compat.corpus import members_of
from tests.compat.environments import run, run_reader
from tests.compat.handing import handing

COMMAND = ("-m", "megatron.energon.cli.main")
CAPTIONING = ("--dataset-config", "captioning.yaml", "--split-config", "captioning_split.yaml")


@pytest.fixture(scope="module")
def exported(mixed, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("energon") / "out"
    export_energon(handing(mixed, folder))
    return folder


@pytest.fixture
def prepared(mixed, home, tmp_path) -> Path:
    """The same shards, prepared by energon itself."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for shard in mixed.shards:
        shutil.copy(shard, theirs)
    options = ("--non-interactive", "--no-progress", "--num-workers", 1, "--split-ratio", "1,0,0")
    done = run("energon", *COMMAND, "prepare", theirs, *options, "--sample-type", "CrudeWebdataset", home=home)
    assert done.returncode == 0, done.stderr[-2000:]
    return theirs


def rows(folder: Path, table: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(folder / ".nv-meta" / "index.sqlite")
    try:
        return sorted(database.execute(f"SELECT * FROM {table}"))  # noqa: S608 - names from this file
    finally:
        database.close()


def objects(folder: Path) -> set[tuple[object, ...]]:
    """Tables and indexes by name."""
    return {(kind, name, table) for kind, name, table, *_ in rows(folder, "sqlite_master")}


def test_the_export_is_what_energon_prepare_writes(mixed, exported, prepared):
    for shard in mixed.shards:
        name = f"{shard.name}.idx"
        assert (exported / name).read_bytes() == (prepared / name).read_bytes()
    info = ".nv-meta/.info.json"
    assert (exported / info).read_bytes() == (prepared / info).read_bytes()
    for table in ("samples", "sample_parts"):
        assert rows(exported, table) == rows(prepared, table)
    assert objects(exported) == objects(prepared)


def test_energon_reads_every_sample_of_a_mixed_corpus_crude(mixed, exported, home):
    read = run_reader("energon", exported, "crude", home=home)
    assert read["version"] == "7.4.1"
    assert read["samples"] == list(mixed.samples)


def test_energon_leaves_out_what_a_view_drops(mixed, home, tmp_path):
    keys = [sample["__key__"] for sample in mixed.samples]
    export_energon(handing(mixed, tmp_path / "out", dict.fromkeys([*keys[5:10], *keys[15:40]], "train")))
    read = run_reader("energon", tmp_path / "out", "crude", home=home)
    assert read["samples"] == list(mixed.samples[5:10] + mixed.samples[15:40])
    done = run("energon", *COMMAND, "lint", tmp_path / "out", *CAPTIONING, home=home)
    assert done.returncode == 0, done.stderr[-2000:]


def test_energon_reads_every_pair_as_a_captioning_sample(mixed, exported, home):
    read = run_reader("energon", exported, "captioning", home=home)
    expected = [
        sample
        for sample in zip(mixed.samples, members_of(mixed), strict=True)
        if sample[0] in mixed.having("image", "txt")
    ]
    assert read["samples"] == [
        {"__key__": one["__key__"], "pixels": pixels(m), "txt": one["txt"]} for one, m in expected
    ]


def pixels(members: dict[str, bytes]) -> str:
    picture = next(data for extension, data in members.items() if extension in {"jpg", "png", "webp"})
    return hashlib.sha256(Image.open(io.BytesIO(picture)).convert("RGB").tobytes()).hexdigest()


def test_energon_lint_finds_no_fault(exported, home):
    done = run("energon", *COMMAND, "lint", exported, *CAPTIONING, home=home)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Checking the index files" in done.stdout
    assert "Traceback" not in done.stderr


def test_energon_lint_finds_an_index_that_is_short(exported, home, tmp_path):
    broken = shutil.copytree(exported, tmp_path / "broken")
    index = broken / "00000001.tar.idx"
    index.write_bytes(index.read_bytes()[:-16])
    done = run("energon", *COMMAND, "lint", broken, *CAPTIONING, home=home)
    assert done.returncode
    assert "00000001.tar" in done.stdout
