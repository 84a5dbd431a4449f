"""`python -m tests.benchmarks.tasks [NAME ...] --root ROOT`: train each task's recipe, evaluate it, hold it to its bar.

Every module beside this one that has `figures(bench)` is a name.
"""

import argparse
import os
import pkgutil
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import tests.benchmarks.tasks as here
from tests.benchmarks.tasks.bench import Bench
from tests.benchmarks.tasks.figures import Figure

NOT_TASKS = {"__main__", "bench", "figures"}
HEADER = ["what", "value", "95 %", "n", "bar", "", "note"]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where a bar was missed."""
    names = sorted(module.name for module in pkgutil.iter_modules(here.__path__) if module.name not in NOT_TASKS)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tasks", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(names)}")
    home = os.environ.get("TRIVIUM_HOME", ".trivium")
    parser.add_argument("--root", type=Path, default=Path(home) / "root", help="default: that of `make demo`")
    parser.add_argument("--view", default="openmoji-default", help="VIEW or VIEW/DIGEST (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="of every training: a quick look instead of the recipe's own")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    if unknown := set(args.names) - set(names):
        parser.error(f"{', '.join(sorted(unknown))}: no such task. There are {', '.join(names)}")
    bench = Bench(root=args.root, view_name=args.view, num_steps=args.steps, seed=args.seed)
    found: list[Figure] = []
    for name in args.names or names:
        start = time.perf_counter()
        figures = list(import_module(f"tests.benchmarks.tasks.{name}").figures(bench))
        print(f"\n## {name}: {time.perf_counter() - start:,.0f} s\n\n{_table(figures)}", flush=True)
        found += figures
    missed = [figure.what for figure in found if figure.verdict == "MISSED"]
    print(f"\n{len(missed)} bars missed{': ' if missed else ''}{'; '.join(missed)}")
    return 1 if missed else 0


def _table(figures: Sequence[Figure]) -> str:
    rows = [HEADER, ["---"] * len(HEADER), *(figure.cells for figure in figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
