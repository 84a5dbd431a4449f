"""The verb `diff`: what changed between two stored views, and why; for a shell, and as a page."""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipelines import storage
from pipelines.curation.diff_histograms import histograms
from pipelines.curation.diffing import SECTIONS, Difference, diff
from pipelines.curation.views import find_view
from pipelines.layout import Layout
from pipelines.reporting.difference import difference_page

_MOST = 5
"""Of a section, what a shell is told; `--json` and the page hold all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `diff`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument(
        "old", metavar="VIEW_A", help="view/digest, of which a beginning is enough, or a name: its current one"
    )
    parser.add_argument(
        "new", metavar="VIEW_B", help="view/digest, of which a beginning is enough, or a name: its current one"
    )
    parser.add_argument("--output", metavar="FILE.html", help="also a page, with histograms of what the rules compare")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Counts of kept, added and removed; causes, shifts and what of the inputs is another, the largest first."""
    layout = Layout(args.root)
    found = diff(find_view(layout, args.old), find_view(layout, args.new))
    if args.output:
        page = difference_page(found, histograms(found))
        storage.write_atomic(args.output, page.encode())
    report = _everything(found) if args.json else _gist(found)
    return {**report, **({"page": args.output} if args.output else {})}


def _everything(found: Difference) -> dict[str, object]:
    return {
        **_head(found),
        "inputs": [asdict(change) for change in found.inputs],
        "policy": list(found.policy),
        "added_by_cause": found.by("added", "cause"),
        "removed_by_cause": found.by("removed", "cause"),
        "causes": list(found.causes),
        "reasons": list(found.reasons),
        "shifts": list(found.shifts),
    }


def _gist(found: Difference) -> dict[str, object]:
    """What a person reads: no zeros, the first of long lists."""
    report = {name: value for name, value in _head(found).items() if value or name in ("num_added", "num_removed")}
    report["inputs"] = "".join(f"\n- {change}" for change in found.inputs) or "the same"
    if found.policy:
        report["policy"] = "".join(f"\n  {line}" for line in found.policy)
    for change in ("added", "removed"):
        if causes := [row for row in found.causes if row["change"] == change]:
            report[f"{change}_by_cause"] = "".join(f"\n- {_cause(row)}" for row in causes)
    if found.reasons:
        lines = [f"{row['old_fault']} -> {row['new_fault']} {row['num_samples']}" for row in found.reasons[:_MOST]]
        report["dropped_by_both_for_another_reason"] = ", ".join(lines)
    for section in SECTIONS:
        changed = [row for row in found.shifts if row["section"] == section and row["num_added"] + row["num_removed"]]
        if len({row["value"] for row in found.shifts if row["section"] == section}) > 1 and changed:
            report[f"by_{section}"] = ", ".join(map(_shift, changed[:_MOST])) + _more(len(changed) - _MOST)
    return report


def _head(found: Difference) -> dict[str, object]:
    totals = asdict(found.totals)
    if found.totals.old_weight == found.totals.num_old and found.totals.new_weight == found.totals.num_new:
        totals = {name: value for name, value in totals.items() if not name.endswith("weight")}
    return {
        "old": f"{found.old.view}/{found.old.digest}",
        "new": f"{found.new.view}/{found.new.digest}",
        **totals,
        "num_old_withdrawn_since": found.num_withdrawn[0],
        "num_new_withdrawn_since": found.num_withdrawn[1],
    }


def _cause(row: Mapping[str, Any]) -> str:
    """`too_small 12: 10 by it alone, first of several 2, also 3 behind others`."""
    if row["cause"] == "absent":
        return f"absent {row['num_any']}: the other pool has no such sample"
    parts = [f"{row['num_only']} by it alone"]
    if several := row["num_first"] - row["num_only"]:
        parts.append(f"{several} as the first of several")
    if behind := row["num_any"] - row["num_first"]:
        parts.append(f"{behind} more behind another")
    return f"{row['cause']} {row['num_first']}: {', '.join(parts)}"


def _shift(row: Mapping[str, Any]) -> str:
    return f"{row['value'] or 'none'} {row['num_old']} +{row['num_added']} -{row['num_removed']}"


def _more(number: int) -> str:
    return f" and {number} more" if number > 0 else ""
