"""What each rule of a view did, and what the kept samples are made of: from the stored funnel alone."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import pyarrow as pa

from pipelines.reporting.charts import share_bar
from pipelines.reporting.page import Markup, table

Row = Mapping[str, Any]

_PARTS = {"split": "Splits", "language": "Languages", "modalities": "Parts", "source": "Sources", "license": "Licences"}
_MAX_ROWS = 25
HOW_TO_READ = (
    "Rules are asked from top to bottom. <b>Reach it</b>: samples that no rule above has dropped. <b>Falls by it</b>: "
    "those of them that it drops. <b>Have it</b>: all samples with the fault, also those dropped above. "
    "<b>Only it</b>: samples with no other fault; that many more are kept without the rule."
)
LEGEND = (
    '<ul class="legend" aria-label="Colours"><li>kept, or going on</li><li class="d">dropped</li>'
    '<li class="r">gone before</li></ul>'
)


def rules_table(funnel: pa.Table) -> str:
    """One row a rule that drops or concerns anything, with a bar; the names of the others below."""
    rows = [row for row in funnel.to_pylist() if row["section"] == "all"]
    start = max((row["num_before"] for row in rows), default=0)
    busy = [row for row in rows if row["num_marginal"]]
    quiet = ", ".join(f"<code>{escape(row['fault'])}</code>" for row in rows if not row["num_marginal"])
    head = ("rule", "reach it", "falls by it", "have it", "only it")
    cells = [[_rule(row, start), *(row[name] for name in _NUMBERS)] for row in busy]
    left = rows[-1]["num_before"] - rows[-1]["num_first"] if rows else 0
    end = Markup(f"<b>kept</b>{share_bar([('k', left)], of=start)}")
    body = table(head, [*cells, [end, left, "", "", ""]], kind="funnel", caption="From records to kept samples")
    return f"{LEGEND}{body}" + (f"<p>No sample has: {quiet}.</p>" if quiet else "")


_NUMBERS = ("num_before", "num_first", "num_marginal", "num_only")


def _rule(row: Row, start: int) -> Markup:
    """The name above its bar: what goes on, what falls here, what had fallen before."""
    going_on = row["num_before"] - row["num_first"]
    parts = [("k", going_on), ("d", row["num_first"]), ("r", start - row["num_before"])]
    return Markup(f"<code>{escape(row['fault'])}</code>{share_bar(parts, of=start)}")


def composition(funnel: pa.Table) -> str:
    """Samples and kept ones by split, language, parts, source and licence."""
    return f'<div class="charts">{"".join(_composition(funnel.to_pylist()))}</div>'


def _composition(rows: Sequence[Row]) -> Iterator[str]:
    for part, title in _PARTS.items():
        numbers = kept_by(rows, part)
        largest = sorted(numbers.items(), key=lambda item: (-item[1][0], item[0]))
        most = max((total for _, (total, _) in largest), default=0)
        cells: list[tuple[object, ...]] = [
            (_share(value, total, kept, most), total, kept, _percent(kept, total)) for value, (total, kept) in largest
        ]
        if rest := [numbers for _, numbers in largest[_MAX_ROWS:]]:
            total, kept = sum(one[0] for one in rest), sum(one[1] for one in rest)
            cells[_MAX_ROWS:] = [(f"{len(rest):,} more", total, kept, _percent(kept, total))]
        yield f"<div>{table((part, 'samples', 'kept', 'share'), cells, caption=title)}</div>"


def kept_by(rows: Sequence[Row], part: str) -> dict[str, tuple[int, int]]:
    """Value -> (samples, kept ones) of one section of a funnel."""
    mine = [row for row in rows if row["section"] == part]
    last = max((row["position"] for row in mine), default=0)
    kept = {row["value"]: row["num_before"] - row["num_first"] for row in mine if row["position"] == last}
    return {row["value"]: (row["num_before"], kept[row["value"]]) for row in mine if row["position"] == 0}


def _share(value: str, total: int, kept: int, most: int) -> Markup:
    name = escape(value.replace("_", " ")) if value else "<i>none named</i>"
    return Markup(f"{name}{share_bar([('k', kept), ('d', total - kept)], of=most)}")


def _percent(kept: int, total: int) -> str:
    return f"{100 * kept / max(total, 1):.0f}%"
