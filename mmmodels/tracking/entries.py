"""What is written to a run: names, values and how many of them go into one call."""

import json
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")

METRICS_PER_BATCH = 1000
ENTRIES_PER_BATCH = 100
"""MLflow's own limits for metrics, and for params or tags, in one call."""


def flatten(values: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Nested values by dotted names; text stays text, anything else becomes JSON."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat


def batches(items: list[T], size: int) -> Iterable[list[T]]:
    """Consecutive parts of at most that many."""
    return (items[start : start + size] for start in range(0, len(items), size))
