"""What a journey came to, in words and figures for a person."""

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

from assets.journey import Outcome
from pipelines.storage import read_json

MODALITIES = ("image", "text", "audio")
SETS = {
    "held_out_concept": "things it never saw",
    "held_out_language": "things it saw, in languages it did not",
    "held_out_voice": "things it saw, in voices it did not",
}
Figures = Mapping[str, Any]


def summary(outcome: Outcome) -> str:
    """What a person wants to know: rows, shards, what was dropped and why, training, retrieval, versions."""
    made = outcome.made
    report = read_json(made["aligner_report"]["report_uri"])
    lines = ["", f"{outcome.snapshot}", *_data(made), *_models(made)]
    lines += [line for name, words in SETS.items() for line in _retrieval(report["metrics"], name, words)]  # type: ignore[arg-type]
    lines += ["", *_registry(outcome), "", "Look at it: make ui   (the Dagster and MLflow pages on this machine)"]
    return "\n".join(lines)


def complaint(outcome: Outcome) -> str:
    """What stopped a journey and what to do; the traceback is in the log, not here."""
    lines = [""]
    for failure in outcome.failures:
        lines += [f"Stopped at {failure.step}."]
        lines += [f"  {failure.message if failure.is_mendable else f'{failure.error}: {failure.message}'}"]
        if not failure.is_mendable:
            lines += ["  This is a fault of the program, not of your data."]
    return "\n".join([*lines, f"Details: {outcome.log_path}. The same command goes on from here."])


def _data(made: Mapping[str, Figures]) -> Iterator[str]:
    packed, kept = made["shards"], made["curated_view"]
    dropped = sorted(kept["num_dropped_by_fault"].items(), key=lambda item: -item[1])
    reasons = ", ".join(f"{fault} {number:,}" for fault, number in dropped) or "nothing"
    splits = ", ".join(f"{split} {number:,}" for split, number in kept["num_kept_by_split"].items())
    yield _line("records", f"{packed['num_records']:,}")
    yield _line("samples", f"{packed['num_samples']:,} in {packed['num_shards']:,} shards")
    yield _line("kept", f"{kept['num_kept']:,} ({splits})")
    yield _line("dropped", reasons)


def _models(made: Mapping[str, Figures]) -> Iterator[str]:
    for name in ("aligner", "classifier"):
        if name in made:
            trained = made[name]
            when = "" if trained["created"] else ", in an earlier run"
            speed = f"{trained['samples_per_second']:,.0f} samples/s"
            yield _line(name, f"{trained['num_steps']:,} steps in {trained['seconds']:,.0f} s, {speed}{when}")
    if "classifier_report" in made:
        yield _line("", made["classifier_report"]["headline"])


def _retrieval(metrics: Mapping[str, Figures], evaluated: str, words: str) -> Iterator[str]:
    """Six directions: recall at 1 and 10 beside chance and the same model before training."""
    rows = list(_directions(metrics, evaluated))
    if not rows:
        return
    yield from ("", f"Finding each other among {words} ({evaluated})", _HEAD)
    yield from rows


_HEAD = f"  {'':<15}{'queries':>8}{'among':>7}  " + "  ".join(
    f"{f'R@{cutoff}':>6}{'low':>7}{'high':>7}{'chance':>8}{'untrained':>10}" for cutoff in (1, 10)
)


def _directions(metrics: Mapping[str, Figures], evaluated: str) -> Iterator[str]:
    for source, target in permutations(MODALITIES, 2):
        found = [metrics.get(f"{evaluated}/{source}_to_{target}/r_at_{cutoff}") for cutoff in (1, 10)]
        if all(found):
            cells = "  ".join(_cells(figures) for figures in found if figures)
            size = f"{found[0]['n']:>8,}{found[0]['num_candidates']:>7,.0f}" if found[0] else ""
            yield f"  {source + ' to ' + target:<15}{size}  {cells}"


def _cells(figures: Figures) -> str:
    value, low, high, chance, untrained = (figures[name] for name in ("value", "low", "high", "chance", "untrained"))
    return f"{value:>6.3f}{low:>7.3f}{high:>7.3f}{chance:>8.4f}{untrained:>10.4f}"


def _registry(outcome: Outcome) -> Iterator[str]:
    made = outcome.made
    registered = made["registered_aligner"]
    if outcome.was_refused:
        yield f"MLflow: {registered['name']} version {registered['version']} stays challenger: the gate refused it."
    else:
        champion = made["champion_aligner"]
        yield f"MLflow: {champion['name']} version {champion['version']}, alias champion"
    if "registered_classifier" in made:
        yield f"MLflow: {made['registered_classifier']['name']} version {made['registered_classifier']['version']}"


def _line(what: str, said: str) -> str:
    return f"  {what:<11} {said}"
