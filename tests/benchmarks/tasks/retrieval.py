"""Fine-tuned retrieval: an aligner goes on with one pair, and all six directions are asked before and after."""

from collections.abc import Iterator

from tests.benchmarks.tasks.bench import Bench
from tests.benchmarks.tasks.figures import Figure


def figures(bench: Bench) -> Iterator[Figure]:
    """R@10 on held-out concepts by recipe retrieve_tiny beside that of the aligner it goes on from."""
    before = bench.report(bench.aligner)["metrics"]
    result = bench.train("retrieve_tiny", parent=bench.aligner)
    for name, metric in bench.report(result.bundle_uri)["metrics"].items():
        if not name.startswith("held_out_concept/") or not name.endswith("/r_at_10"):
            continue
        first = before[name]
        yield Figure(
            what=f"retrieval {name}",
            value=metric["value"],
            low=metric["low"],
            high=metric["high"],
            n=metric["n"],
            note=f"before {first['value']:.3f} [{first['low']:.3f}, {first['high']:.3f}], {result.seconds:.0f} s",
        )
