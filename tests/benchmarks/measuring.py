"""Measuring a shard: every default family, and each alone."""

from collections.abc import Iterator
from functools import partial

from pipelines.layout import Layout
from pipelines.shards.snapshots import read_stats
from pipelines.signals.schema import FAMILIES
from pipelines.signals.tasks import ShardTask, measure_shard
from tests.benchmarks.making import drawings_with_clips, packed
from tests.benchmarks.names import MEASURE_ALL, MEASURE_ALONE
from tests.benchmarks.rows import Row, Settings, alternate, one_core


def rows(settings: Settings) -> Iterator[Row]:
    """All members differ, so nothing is measured once for many samples; reading and writing are counted."""
    layout = Layout(str(settings.folder / "measuring"))
    count = settings.size(1000, 100)
    snapshot = packed(drawings_with_clips, count, layout)
    tar_sha256 = str(read_stats(layout, snapshot, 0)["tar_sha256"])

    def measured(families: tuple[str, ...]) -> int:
        measure_shard(ShardTask(layout=layout, snapshot=snapshot, shard=0, tar_sha256=tar_sha256, families=families))
        return count

    chosen = {MEASURE_ALL: tuple(FAMILIES), **{what: (name,) for name, what in MEASURE_ALONE.items()}}
    for what, families in chosen.items():
        with one_core() as on:
            runs = alternate(partial(measured, families), num_pairs=settings.num_pairs)
        note = "members decoded once for all" if what == MEASURE_ALL else "with decoding of what it needs"
        yield Row(what=what, unit="samples/s", on=on, runs=runs, note=note)
