"""Captions of the demo's drawings: names learnt by heart, and of concepts never seen, beside the nearest drawing's."""

from collections.abc import Iterator

from tests.benchmarks.tasks.bench import Bench
from tests.benchmarks.tasks.figures import Figure


def figures(bench: Bench) -> Iterator[Figure]:
    """Of recipe `caption_tiny` on top of the demo's aligner."""
    result = bench.train("caption_tiny", parent=bench.aligner)
    metrics = bench.report(result.bundle_uri)["metrics"]

    def figure(name: str, **bar: object) -> Figure:
        row = metrics[name]
        given = {name: row[name] for name in ("value", "low", "high", "n")}
        note = str(bar.pop("note", "")) or f"nearest drawing: {row['chance']:.3f}"
        return Figure(what=name, note=note, **given, **bar)

    trained = f"drawings and texts of the training; trained in {result.seconds:,.0f} s"
    yield figure("trained/exact", relation=">=", bar=0.5, note=trained)
    yield figure("trained_moved/exact", note="the same drawings, turned, scaled and shifted otherwise than in training")
    for name in ("exact", "cider_d"):
        yield figure(f"held_out_language/{name}")
    above = metrics["held_out_concept/cider_d_above_nearest"]
    yield Figure(
        what="held_out_concept/cider_d_above_nearest, lower end",
        value=above["low"],
        n=above["n"],
        relation=">",
        bar=0.0,
        note="paired with the caption of the nearest drawing",
    )
    for name in ("cider_d", "cider_d_above_nearest", "bleu_1", "bleu_4", "rouge_l", "clip_score"):
        yield figure(f"held_out_concept/{name}")
