"""Runs that are killed, and runs that meet."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.snapshots import all_snapshots, read_stats
from pipelines.shards.verifying import verify
from pipelines.sources.folder import open_folder

ROOT = Path(__file__).parents[3]
PACKS = """
import sys
from pathlib import Path
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources.folder import open_folder
source = open_folder(Path(sys.argv[1]), corpus="tiny")
config = PackingConfig(samples_per_shard=1, num_workers=int(sys.argv[3]))
pack(source, layout=Layout(sys.argv[2]), config=config)
"""
PACKS_AND_WAITS = """
import sys, time
from pathlib import Path
from pipelines.__main__ import main
from pipelines.sources.folder import FolderSource
read_now = FolderSource.read
def read(self, references):
    print("reading", flush=True)
    while not Path(sys.argv[3]).exists():
        time.sleep(0.05)
    yield from read_now(self, references)
FolderSource.read = read
sys.exit(main(["pack", "--corpus", sys.argv[1], "--root", sys.argv[2], "--workers", "1"]))
"""
NUM_KILLS = 30


def started(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def content(root: Path) -> dict[str, bytes]:
    """Every file, hidden ones too; stats without the clock."""
    found = {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    for name in (name for name in found if name.endswith("_stats.json")):
        stats = json.loads(found[name])
        found[name] = json.dumps(
            {key: value for key, value in stats.items() if "time" not in key and key != "duration"}
        )
    return found


def wait_for_plan(root: Path, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not any(root.rglob("_plan.json")):
        time.sleep(0.001)


def check_what_is_visible(root: Path) -> None:
    """What has stats is whole, at any moment."""
    layout = Layout(str(root))
    for snapshot in all_snapshots(layout):
        for name in storage.names(layout.shards(snapshot), "_stats.json"):
            shard = int(name[:8])
            stats = read_stats(layout, snapshot, shard)
            assert storage.file_sha256(layout.tar(snapshot, shard)) == stats["tar_sha256"]
            assert storage.file_sha256(layout.sidecar(snapshot, shard)) == stats["sidecar_sha256"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thirty_kills_at_random_moments_end_like_a_run_that_was_not_killed(tiny_corpus: Path, tmp_path: Path):
    whole = tmp_path / "whole"
    process = started(PACKS, tiny_corpus, whole, 1)
    wait_for_plan(whole, process)
    start = time.monotonic()
    assert process.wait() == 0
    seconds = time.monotonic() - start
    process.stdout.close()
    expected, rng, number, num_finished = content(whole), random.Random(0), 0, 0
    for kill in range(NUM_KILLS):
        root = tmp_path / f"killed {number}"
        process = started(PACKS, tiny_corpus, root, 1 + kill % 2)
        if kill % 5:
            wait_for_plan(root, process)
        time.sleep(rng.uniform(0, seconds))
        if process.poll() == 0:  # done before the blow
            num_finished += 1
            number += 1
            assert content(root) == expected
        elif kill % 3:
            process.kill()  # its workers see that it is gone
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        check_what_is_visible(root)
    assert num_finished < NUM_KILLS / 2
    time.sleep(1)  # orphaned workers look for their parent twice a second
    for root in tmp_path.glob("killed *"):
        layout = Layout(str(root))
        config = PackingConfig(samples_per_shard=1, num_workers=1)
        snapshot = pack(open_folder(tiny_corpus, corpus="tiny"), layout=layout, config=config).snapshot
        assert content(root) == expected
        assert verify(layout, snapshot).problems == ()


def test_the_second_of_two_runs_says_who_is_at_work_and_leaves(
    tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, go = tmp_path / "root", tmp_path / "go"
    first = started(PACKS_AND_WAITS, tiny_corpus, root, go)
    assert first.stdout
    assert first.stdout.readline() == "reading\n"
    command = ["pack", "--root", str(root), "--corpus", str(tiny_corpus), "--json"]
    try:
        assert main(command) == 1
        said = capsys.readouterr().err
        assert re.search(r"root/shards/(tiny-\w+/\w+): pack \1 works on it", said)
        assert f"process {first.pid} on " in said
        assert "Wait for it to end, or end it." in said
        go.touch()
        assert first.wait(60) == 0
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["num_shards_written"] == 0


def test_a_finished_snapshot_is_reported_while_another_run_holds_it(tiny_corpus: Path, tmp_path: Path):
    source, layout = open_folder(tiny_corpus, corpus="tiny"), Layout(str(tmp_path / "root"))
    report = pack(source, layout=layout, config=PackingConfig(num_workers=1))
    snapshot = Snapshot(corpus="tiny", snapshot=source.snapshot)
    with storage.exclusive(layout.shards(snapshot), what="verify --repair"):
        again = pack(source, layout=layout, config=PackingConfig(num_workers=1))
    assert (again.num_shards_written, again.digest) == (0, report.digest)
