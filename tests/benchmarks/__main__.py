"""`python -m tests.benchmarks`: measure, print a table, write JSON; a quick or partial run only prints.

A row is a rate, so more is better; a ratio above 1 says that ours is faster than the peer.
"""

import argparse
import datetime
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from tests.benchmarks import machine
from tests.benchmarks.names import CUDA_ONLY, INSTALLS_A_PEER, STAGES
from tests.benchmarks.rows import Row, Settings

RESULTS = Path(__file__).parent / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 where every row was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="name the rows and measure nothing")
    parser.add_argument("--quick", action="store_true", help="3 pairs of small runs: whether it works, not how fast")
    parser.add_argument("--pairs", type=int, help="runs of each side (default 5, quick 3)")
    parser.add_argument(
        "--stages", nargs="+", choices=STAGES, default=list(STAGES), metavar="STAGE", help=", ".join(STAGES)
    )
    parser.add_argument("--output", type=Path, help="write the JSON here")
    args = parser.parse_args(argv)
    if args.list:
        return _list(args.stages)
    if args.pairs is not None and args.pairs < 1:
        parser.error(f"--pairs {args.pairs}: expected 1 or more")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # before numpy and torch are imported: rows are of one core
    facts, num_pairs = machine.facts(), args.pairs or (3 if args.quick else 5)
    rows = _measure(args.stages, num_pairs=num_pairs, quick=args.quick)
    is_whole = not args.quick and set(args.stages) == set(STAGES)
    output = args.output or (RESULTS / f"{machine.name_of(facts)}.json" if is_whole else None)
    if output:
        _write(output, facts, rows, num_pairs=num_pairs, quick=args.quick)
    return 0


def _list(stages: Sequence[str]) -> int:
    for stage in stages:
        for name in STAGES[stage]:
            print(f"{stage:10} {name}{' (where there is a CUDA device)' * (name in CUDA_ONLY)}")
    return 0


def _measure(stages: Sequence[str], *, num_pairs: int, quick: bool) -> list[tuple[str, Row]]:
    """(stage, row); each row is printed when it is there."""
    found: list[tuple[str, Row]] = []
    print(_line("what", "ours", "peer", "ratio", "of pairs", "cpu", "unit", "on"))
    for stage in stages:
        module = import_module(f"tests.benchmarks.{stage}")
        with tempfile.TemporaryDirectory(prefix="trivium-bench-") as folder:
            for row in module.rows(Settings(folder=Path(folder), num_pairs=num_pairs, quick=quick)):
                assert row.what in STAGES[stage], f"{row.what}: not in the list of {stage}"
                print(_cells(row), flush=True)
                found.append((stage, row))
        lacking = set(STAGES[stage]) - CUDA_ONLY - INSTALLS_A_PEER - {row.what for _, row in found}
        assert not lacking, f"{stage}: did not measure {lacking}"
    print()
    for _, row in found:
        print(f"{row.what}: {'; '.join(filter(None, (row.peer_name, row.note)))}")
    return found


def _cells(row: Row) -> str:
    spread = "-".join(f"{ratio:.2f}" for ratio in row.ratio_range or ())
    ratio = f"{row.ratio:.2f}" if row.ratio else ""
    return _line(
        row.what, _rate(row.ours), _rate(row.peer), ratio, spread, f"{row.runs.cpu_share:.2f}", row.unit, row.on
    )


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _line(*cells: str) -> str:
    what, ours, peer, ratio, spread, cpu, unit, on = cells
    return f"{what:61} {ours:>8} {peer:>8} {ratio:>6} {spread:>12} {cpu:>5}  {unit:9}  {on}"


def _write(
    path: Path, facts: dict[str, object], rows: Sequence[tuple[str, Row]], *, num_pairs: int, quick: bool
) -> None:
    result = {
        "schema_version": 1,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": facts,
        "settings": {"num_pairs": num_pairs, "quick": quick},
        "rows": [{"stage": stage, **row.as_json()} for stage, row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten: {path}")


if __name__ == "__main__":
    sys.exit(main())
