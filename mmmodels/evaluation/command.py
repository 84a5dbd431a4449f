"""The verb `evaluate`: a bundle on what a view holds out."""

import argparse
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from mmmodels.evaluation.reports import GROUPS, evaluate
from mmmodels.verbs import add_view_arguments, the_view
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `evaluate`."""
    parser.add_argument("model", help="folder of a bundle, e.g. ROOT/checkpoints/RUN_KEY/bundle")
    add_view_arguments(parser)
    parser.add_argument(
        "--group",
        action="append",
        metavar="COLUMN",
        help="of the view, e.g. voice: who is served worse? may be given again (default: language)",
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Values with 95 % intervals and chance, a line for each question; the whole report lies at `uri`."""
    view = the_view(args)
    groups = args.group or GROUPS
    report = evaluate(args.model, layout=Layout(args.root), view=view.view, view_digest=view.digest, groups=groups)
    if args.json:
        return report
    return {"uri": report["uri"], **dict(lines(report["metrics"])), "protocol": report["protocol_digest"]}


def lines(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """One for each question that was asked, e.g. a direction on a set, with all that was measured of it."""
    for place, group in groupby(metrics.items(), key=lambda named: named[0].rpartition("/")[0]):
        found = list(group)
        first = found[0][1]
        among = f" among {first['num_candidates']:.0f}" if first.get("num_candidates") else ""
        cells = "; ".join(f"{name.rpartition('/')[2]} {_cell(figures)}" for name, figures in found)
        yield place or found[0][0], f"{cells}; {first['n']} queries{among}"


def _cell(figures: Mapping[str, Any]) -> str:
    """Value, 95 % interval, and what chance gives."""
    digits = 1 if figures["value"] > 1 else 3
    value, low, high = (f"{figures[name]:.{digits}f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}] chance {figures['chance']:.{digits}f}"
