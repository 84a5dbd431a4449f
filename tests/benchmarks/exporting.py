"""New shards by byte-range copy against `cp` of the very same tars: all samples, and every second one."""

import gc
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.exporting.arranging import Arrangement
from pipelines.exporting.kept import Kept, uids_of
from pipelines.exporting.physical import copy_shards
from pipelines.exporting.selecting import Selection, whole_snapshot
from pipelines.layout import Layout
from pipelines.shards.media import MediaProfile
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.planning import Limits
from pipelines.shards.reading import read_sidecars
from tests.benchmarks.making import Endless
from tests.benchmarks.names import EXPORT_ALL, EXPORT_CACHED, EXPORT_HALF
from tests.benchmarks.rows import Row, Runs, Settings

_WORKERS = 2
_ARRANGEMENT = Arrangement(limits=Limits(samples_per_shard=5_000))
"""Other shards than the packed ones, so that none is the same."""


def rows(settings: Settings) -> Iterator[Row]:
    """The whole of `copy_shards`: looking samples up, digests, sidecars, stats, fsync; sources in the page cache."""
    selection = _packed(settings)
    for what, chosen, is_synced in (
        (EXPORT_ALL, selection, True),
        (EXPORT_HALF, _every_second(selection), True),
        (EXPORT_CACHED, selection, False),
    ):
        runs = _alternate(settings, chosen, is_synced=is_synced)
        how = "and fsync of each file" if is_synced else "which leaves the bytes in the page cache"
        yield Row(
            what=what,
            unit="MB/s",
            on=f"{_WORKERS} threads",
            runs=runs,
            peer_name=f"cp of the tars that ours wrote, {how}",
            note="ours also digests what it copies, writes sidecars and stats, and syncs; the bar is a ratio of 0.8",
        )


def _packed(settings: Settings) -> Selection:
    layout = Layout(str(settings.folder / "exporting"))
    source = Endless(num_bytes=settings.size(2 << 30, 256 << 20))
    config = PackingConfig(samples_per_shard=3_000, profile=MediaProfile(check="header"), num_workers=_WORKERS)
    return whole_snapshot(layout, pack(source, layout=layout, config=config).snapshot)


def _every_second(selection: Selection) -> Selection:
    records = read_sidecars(selection.layout, selection.snapshots[0]).select(["uid", "shard"])
    records = records.take(np.arange(0, len(records), 2))
    kept = Kept(
        part=np.zeros(len(records), np.int32),
        shard=records["shard"].to_numpy().astype(np.int32),
        uids=uids_of(records),
        split=np.zeros(len(records), np.uint8),
        weight=np.ones(len(records), np.float32),
    )
    return replace(selection, name="half/0", digest="0" * 64, kept=kept)


def _alternate(settings: Settings, selection: Selection, *, is_synced: bool) -> Runs:
    """As `rows.alternate`, but what a run wrote is removed before the next one, outside of its time."""
    ours, theirs = settings.folder / "ours", settings.folder / "theirs"

    def export() -> None:
        copy_shards(selection, _ARRANGEMENT, str(ours), num_workers=_WORKERS)

    def copy() -> None:
        theirs.mkdir()
        tars = sorted(ours.rglob("*.tar"))
        subprocess.run(["cp", *tars, theirs], check=True)
        for path in theirs.iterdir() if is_synced else ():
            _sync(path)

    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    start = os.times()
    for run in range(settings.num_pairs + 1):
        shutil.rmtree(ours, ignore_errors=True)
        seconds = [_timed(export), _timed(copy)]
        num_bytes = sum(path.stat().st_size for path in theirs.iterdir())
        assert num_bytes == sum(path.stat().st_size for path in ours.rglob("*.tar"))
        shutil.rmtree(theirs)
        if run:  # the first pair warms up
            for side, one in zip(rates.values(), seconds, strict=True):
                side.append(num_bytes / 1e6 / one)
    shutil.rmtree(ours)
    end = os.times()
    cpu_seconds = sum(end[:4]) - sum(start[:4])
    return Runs(
        ours=tuple(rates["ours"]), peer=tuple(rates["theirs"]), cpu_share=cpu_seconds / (end.elapsed - start.elapsed)
    )


def _timed(work: Callable[[], None]) -> float:
    """Seconds; what earlier runs left to write is written before."""
    os.sync()
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
