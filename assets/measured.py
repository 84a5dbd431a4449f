"""What a measured family says of itself in Dagster: distributions, extremes with pictures, time."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from assets.charts import histogram
from assets.markdown import Markup, share, table
from assets.metadata import column_schema, drawing, headline, picture
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_members, read_sidecar
from pipelines.signals.columns import Column
from pipelines.signals.measuring import FamilyReport
from pipelines.signals.schema import Family
from pipelines.signals.summaries import ColumnSummary, Summary, summarise
from pipelines.signals.tallies import Extreme

TELLING = {
    "image": ("luminance_mean", "colourfulness", "sharpness"),
    "text": ("characters", "words"),
    "audio": ("duration_seconds", "loudness_lufs", "snr_db"),
}
"""The columns whose distribution is drawn in place, and whose ends are shown."""
NUM_AT_AN_END = 3
_COLUMNS = ["uid", "caption", "image_offset", "image_size", "audio_offset", "audio_size"]


def describe(layout: Layout, snapshot: Snapshot, family: Family, report: FamilyReport) -> dict[str, Any]:
    """Metadata of a family, what matters most first."""
    summary = summarise(layout, snapshot, family.key)
    telling = TELLING.get(family.name, ())
    meanings = {column.name: column.meaning for column in family.columns}
    ends = list(_ends(layout, snapshot, summary, telling))
    return {
        "headline": headline(_headline(family, summary, report)),
        **charts(summary, telling),
        "signals": _signals_table(family, summary),
        **(
            {"lowest_and_highest": table(["column", "end", "value", "picture", "clip", "caption", "uid"], ends)}
            if ends
            else {}
        ),
        **{name: _words_table(name, words) for name, words in summary.most_common.items()},
        **_work(report),
        "dagster/partition_row_count": report.num_samples,
        "dagster/uri": layout.signals(family.key, snapshot),
        "columns": column_schema(family.arrow, meanings),  # not as dagster/column_schema: it would stand above all
    }


def distributions(
    layout: Layout, snapshot: Snapshot, family: str, names: Sequence[str]
) -> dict[str, dg.MarkdownMetadataValue]:
    """Column -> how its values are distributed, for those that have any."""
    return charts(summarise(layout, snapshot, family), names) if names else {}


def charts(summary: Summary, names: Sequence[str]) -> dict[str, dg.MarkdownMetadataValue]:
    """The same, of a summary."""
    found = {column.name: column for column in summary.columns}
    return {name: _histogram(found[name]) for name in names if name in found}


def _histogram(column: ColumnSummary) -> dg.MarkdownMetadataValue:
    return histogram(column.counts, low=column.minimum, median=column.median, high=column.maximum)


def _headline(family: Family, summary: Summary, report: FamilyReport) -> str:
    parts = [f"{report.num_samples:,} samples, {len(family.columns)} figures each"]
    if summary.num_unmeasured:
        parts.append(f"{summary.num_unmeasured:,} not measured")
    if speed := report.samples_per_second:
        parts.append(f"{speed:,.0f} samples/s of a worker")
    return ", ".join(parts)


def _signals_table(family: Family, summary: Summary) -> dg.MarkdownMetadataValue:
    """Every column; numbers with their range and distribution."""
    measured = summary.num_samples - summary.num_unmeasured
    numbers = {column.name: column for column in summary.columns}
    return table(
        ["column", "unit", "null", "lowest", "median", "highest", "distribution"],
        (_row(column, summary, numbers.get(column.name), measured) for column in family.columns),
    )


def _row(column: Column, summary: Summary, found: ColumnSummary | None, measured: int) -> Sequence[object]:
    nulls = summary.nulls.get(column.name)
    missing = share(nulls.num_nulls if nulls else 0, measured)
    if found is None:
        return [column.name, column.unit, missing, "", "", "", ""]
    figures = [_short(value) for value in (found.minimum, found.median, found.maximum)]
    return [column.name, column.unit, missing, *figures, Markup(_histogram(found).md_str or "")]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 10_000 else f"{value:,.4g}"


def _words_table(name: str, words: Sequence[tuple[str, int]]) -> dg.MarkdownMetadataValue:
    return table([name, "samples"], words)


def _ends(layout: Layout, snapshot: Snapshot, summary: Summary, telling: Sequence[str]) -> Iterator[Sequence[object]]:
    """The samples at both ends of the telling columns that have different values."""
    for column in summary.columns:
        if column.name in telling and column.minimum < column.maximum:
            number = min(NUM_AT_AN_END, column.num_values // 2)
            shown = [("lowest", one) for one in column.lowest[:number]]
            shown += [("highest", one) for one in reversed(column.highest[:number])]
            for end, one in shown:
                yield [column.name, end, _short(one.value), *_shown(layout, snapshot, one), one.uid]


def _shown(layout: Layout, snapshot: Snapshot, one: Extreme) -> Sequence[object]:
    """Picture, wave and caption of a sample."""
    rows = read_sidecar(layout, snapshot, one.shard, columns=_COLUMNS)
    (row,) = rows.filter(pc.field("uid") == one.uid).slice(0, 1).to_pylist()
    tar = layout.tar(snapshot, one.shard)
    return [picture(_member(tar, row, "image")), drawing(_member(tar, row, "audio")), row["caption"] or ""]


def _member(tar: str, row: dict[str, Any], part: str) -> bytes | None:
    if row[f"{part}_offset"] is None:
        return None
    (data,) = read_members(tar, [(row[f"{part}_offset"], row[f"{part}_size"])])
    return data


def _work(report: FamilyReport) -> dict[str, Any]:
    """What this run did, and what measuring took in all, also where it was done by earlier runs."""
    speed = report.samples_per_second
    return {
        "num_shards_measured": report.num_shards_measured,
        "num_shards_reused": report.num_shards_reused,
        "seconds": round(report.seconds, 3),
        "seconds_in_all": round(report.seconds_in_all, 3),
        **({"samples_per_second": round(speed, 1)} if speed else {}),
    }
