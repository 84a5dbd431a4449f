"""Measuring a snapshot that grew by a shard, against measuring all of it."""

import shutil
from collections.abc import Iterator
from dataclasses import replace

from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.measuring import measure
from tests.benchmarks.making import drawings_with_clips
from tests.benchmarks.names import MEASURE_GROWN
from tests.benchmarks.rows import Row, Settings, alternate, one_core


def rows(settings: Settings) -> Iterator[Row]:
    """The grown snapshot links the 100 shards of the older one, and its signals are linked too."""
    layout = Layout(str(settings.folder / "growing"))
    size = settings.size(50, 5)
    whole = drawings_with_clips(101 * size)
    config = PackingConfig(samples_per_shard=size, num_workers=1)
    sources = (replace(whole, records=whole.records[: 100 * size]), replace(whole, snapshot="two"))
    older, grown = (pack(source, layout=layout, config=config).snapshot for source in sources)

    def measure_all() -> int:
        shutil.rmtree(settings.folder / "growing" / "signals", ignore_errors=True)
        measure(layout, older, num_workers=1)
        return 1

    def measure_new() -> int:
        report = measure(layout, grown, num_workers=1)
        found = {(one.num_shards_measured, one.num_shards_reused) for one in report.families.values()}
        assert found == {(1, 100)}, f"{found}: one shard is new and 100 are not"
        return 1

    measure_all()
    with one_core() as on:
        runs = alternate(measure_new, measure_all, num_pairs=settings.num_pairs)
    note = f"shards of {size} samples; the larger, the less the links of 400 files weigh"
    yield Row(what=MEASURE_GROWN, unit="snapshots/s", on=on, runs=runs, peer_name="measuring all 100", note=note)
