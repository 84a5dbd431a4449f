"""Samples of a view to look at and to listen to: kept ones, and dropped ones by the rule that dropped them first."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import pyarrow as pa

from pipelines.curation.parsing import Query
from pipelines.reporting.charts import number_of
from pipelines.reporting.choosing import Row
from pipelines.reporting.gallery import Gallery
from pipelines.reporting.measured import Measured
from pipelines.samples import Snapshot

NUM_KEPT, NUM_DROPPED = 24, 12
_NUM_OPEN = 3
"""Rules whose samples are in sight at once; a click or Enter opens the others."""


def fates(rows: list[Row], gallery: Gallery, *, dropped_by: Mapping[str, int], query: Query, measured: Measured) -> str:
    """The galleries as HTML; beside a dropped sample stands what the rule looked at."""
    kept = [row for row in rows if row["fate"] is None][:NUM_KEPT]
    shown = f'<h3>Kept</h3><div class="gallery">{"".join(gallery.figures(kept))}</div>' if kept else ""
    return shown + "".join(_dropped(rows, gallery, dropped_by, query, measured))


def _dropped(
    rows: list[Row], gallery: Gallery, dropped_by: Mapping[str, int], query: Query, measured: Measured
) -> Iterator[str]:
    columns = columns_by_rule(query)
    by_rule = {fault: [row for row in rows if row["fate"] == fault][:NUM_DROPPED] for fault in dropped_by}
    there = {fault: found for fault, found in by_rule.items() if found}
    most = sorted(there, key=lambda fault: -dropped_by[fault])[:_NUM_OPEN]
    if there:
        yield "<h3>Dropped, by the first rule that took them</h3>"
    for fault, found in there.items():
        told = [{**row, "notes": list(_values(row, columns.get(fault, []), measured))} for row in found]
        state = " open" if fault in most else ""
        yield (
            f"<details{state}><summary><b>{escape(fault)}</b> "
            f"<span>{dropped_by[fault]:,} dropped, {len(found)} of them shown</span></summary>"
            f'<div class="gallery">{"".join(gallery.figures(told))}</div></details>'
        )


def columns_by_rule(query: Query) -> dict[str, list[str]]:
    """Rule -> the names that stand in its expression."""
    found: dict[str, list[str]] = {output.name: [] for output in query.outputs}
    for column in query.columns:
        starts = [output for output in query.outputs if output.offset <= column.offset]
        if starts and column.name not in found[starts[-1].name]:
            found[starts[-1].name].append(column.name)
    return found


def _values(row: Row, names: list[str], measured: Measured) -> Iterator[str]:
    """`words 41`: the numbers of one sample that the rule saw."""
    wanted = [name for name in names if name in measured.names]
    if wanted:
        snapshot = Snapshot(corpus=row["corpus"], snapshot=row["snapshot"])
        columns = measured.columns(snapshot, row["shard"], pa.array([row["uid"]]))
        for name in wanted:
            value: Any = columns[name][0].as_py() if name in columns else None
            if value is not None:
                yield f"{escape(name)} <b>{number_of(float(value))}</b>"
