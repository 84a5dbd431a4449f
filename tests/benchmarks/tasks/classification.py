"""Three ways to fuse, every subset of the modalities, at equal steps: composed samples, and the corpus's own labels."""

from collections.abc import Iterator
from typing import Any

from tests.benchmarks.tasks.bench import Bench
from tests.benchmarks.tasks.figures import Figure

KINDS = ("concat", "attention", "encoder_decoder")
SINGLE = ("image", "text", "audio")


def figures(bench: Bench) -> Iterator[Figure]:
    """Of samples composed so that no modality tells the label, all must beat each alone outside both intervals."""
    for labels in ("agreement", "tag"):
        for kind in KINDS:
            settings = {"fusion__kind": kind, "fusion__labels": labels}
            run = bench.train("classify_tiny", parent=bench.aligner, **settings)
            metrics = bench.report(run.bundle_uri)["metrics"]
            yield from _rows(metrics, f"{labels}, {kind}", note=f"{run.num_steps} steps, {run.seconds:.0f} s")


def _rows(metrics: dict[str, Any], what: str, *, note: str) -> Iterator[Figure]:
    for name, value in metrics.items():
        subset, _, metric = name.partition("/")
        if subset == "bias":
            continue
        of = {key: value[key] for key in ("value", "low", "high", "n")}
        yield Figure(what=f"{what}: {subset} {metric}", note=f"chance {value['chance']:.3f}; {note}", **of)
    if what.startswith("agreement"):
        best = max(metrics[f"{name}/accuracy"]["high"] for name in SINGLE)
        everything = metrics["all/accuracy"]
        yield Figure(
            what=f"{what}: lower end of all, upper end of the best alone",
            value=everything["low"],
            n=everything["n"],
            relation=">",
            bar=best,
        )
