"""The model card: what a model was made from, how well it does with intervals, and where its use ends."""

from collections.abc import Mapping
from typing import Any

USE = """```python
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model("models:/NAME@champion")
model.predict(pd.DataFrame({"image": [open("a.png", "rb").read()], "text": ["a red car"]}))
```
Columns `image` (bytes), `text` (string), `audio` (bytes); any may be left out or empty. Over HTTP bytes are base64, and
what is absent is the empty string."""

LIMITS = {
    "aligner": (
        "Cosines of two models, or of two pairs of modalities of one model, are not on one scale: compare percentiles.",
        "Retrieval figures hold for the number of candidates given; with more candidates they fall.",
        "Not meant to identify persons, and not measured for that.",
    ),
    "classifier": (
        "Only the labels it was trained on exist for it: anything else gets the nearest of them.",
        "Probabilities are not calibrated.",
        "Not meant to identify persons, and not measured for that.",
    ),
}


def model_card(
    kind: str, provenance: Mapping[str, Any], report: Mapping[str, Any] | None, facts: Mapping[str, object]
) -> str:
    """Markdown; `facts` are lines about the data (licence, languages, kept and dropped), in their own order."""
    scalars = {name: value for name, value in provenance.items() if isinstance(value, str | int | float)}
    sections = [
        f"# {kind} {provenance['run_key'][:12]}",
        "## Data and code\n" + "\n".join(f"- {name}: {_plain(value)}" for name, value in {**scalars, **facts}.items()),
        "## Figures\n" + (_figures(report) if report else "Not evaluated yet."),
        "## Use\n" + USE,
        "## Limits\n" + "\n".join(f"- {limit}" for limit in LIMITS[kind]),
    ]
    return "\n\n".join(sections) + "\n"


def _figures(report: Mapping[str, Any]) -> str:
    """One line per metric: value with its interval, and what chance and the untrained model reach."""
    lines = [
        f"Suite {_plain(report['suite'])}, evaluation `{report['evaluation_digest'][:12]}`.",
        "",
        "| metric | value | interval | queries | candidates | chance | untrained |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, metric in report["metrics"].items():
        interval = f"{_number(metric.get('low'))} to {_number(metric.get('high'))}"
        rest = (_number(metric.get(column)) for column in ("n", "num_candidates", "chance", "untrained"))
        lines.append(f"| {_plain(name)} | {_number(metric['value'])} | {interval} | {' | '.join(rest)} |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _plain(value: object) -> str:
    """Text that cannot break out of its line or its table cell."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
