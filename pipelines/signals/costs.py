"""What measuring a family took, kept beside its files: known also where an earlier run did it."""

from dataclasses import asdict, dataclass

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Of all calls that finished, for one snapshot; what was linked was paid for by another."""

    num_samples: int = 0
    seconds: float = 0.0
    """Of all workers together."""


def read_cost(layout: Layout, key: str, snapshot: Snapshot) -> Cost:
    """Nothing where nothing was measured."""
    uri = layout.measuring_cost(key, snapshot)
    if not storage.exists(uri):
        return Cost()
    found = storage.read_json(uri)
    return Cost(num_samples=int(str(found["num_samples"])), seconds=float(str(found["seconds"])))


def add_cost(layout: Layout, key: str, snapshot: Snapshot, cost: Cost) -> Cost:
    """The sum, which is kept; nothing is written where nothing was done."""
    before = read_cost(layout, key, snapshot)
    if not cost.num_samples:
        return before
    total = Cost(num_samples=before.num_samples + cost.num_samples, seconds=before.seconds + cost.seconds)
    storage.write_json(layout.measuring_cost(key, snapshot), asdict(total))
    return total
