"""Sentiment of emoji on held-out concepts, beside a logistic regression that reads the same captions."""

from collections.abc import Iterator

from tests.benchmarks.tasks.bench import Bench
from tests.benchmarks.tasks.figures import Figure


def figures(bench: Bench) -> Iterator[Figure]:
    """Macro-F1 of all modalities must be above that of the reader of captions."""
    run = bench.train("sentiment_tiny", parent=bench.aligner)
    metrics = bench.report(run.bundle_uri)["metrics"]
    baseline = metrics["text_baseline/macro_f1"]
    for name, value in metrics.items():
        subset, _, metric = name.partition("/")
        if metric != "macro_f1":
            continue
        is_judged = subset == "all"
        yield Figure(
            what=f"sentiment: {subset} macro-F1",
            relation=">" if is_judged else "",
            bar=baseline["value"] if is_judged else None,
            note=f"{run.num_steps} steps, {run.seconds:.0f} s" if is_judged else "",
            **{key: value[key] for key in ("value", "low", "high", "n")},
        )
