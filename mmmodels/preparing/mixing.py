"""Several views read as one: each sample of a view is read so many times in an epoch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mmmodels.errors import RecipeError
from mmmodels.planning.pools import MAX_WEIGHT
from pipelines.curation.views import View, find_view
from pipelines.layout import Layout
from pipelines.samples import digest_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixture:
    """Views of one root with the number of times that each of their samples is read in an epoch."""

    parts: tuple[tuple[View, float], ...]

    @property
    def layout(self) -> Layout:
        return self.parts[0][0].layout

    @property
    def digest(self) -> str:
        """Of what may be read now: another one is another plan. That of the view itself where it is alone."""
        digests = [(view.effective_digest, weight) for view, weight in self.parts]
        return digests[0][0] if [weight for _, weight in digests] == [1.0] else digest_of(digests)

    def provenance(self) -> dict[str, Any]:
        """Where samples come from, as a bundle keeps it: `view` is the first, `views` are all, with their weights."""
        first = self.parts[0][0]
        snapshots = list(dict.fromkeys(one for view, _ in self.parts for one in view.snapshots))
        return {
            "view": first.view,
            "view_digest": first.digest,
            "effective_digest": self.digest,
            "corpus": "+".join(one.corpus for one in snapshots),
            "snapshot": "+".join(one.snapshot for one in snapshots),
            "views": [
                {
                    "view": view.view,
                    "view_digest": view.digest,
                    "effective_digest": view.effective_digest,
                    "weight": weight,
                }
                for view, weight in self.parts
            ],
        }

    def table(self, columns: Sequence[str]) -> pa.Table:
        """The samples of all views, one view after the other; `weight` is that of the sample times that of its view."""
        return pa.concat_tables([_weighted(view.table(columns), weight) for view, weight in self.parts])


def open_mixture(layout: Layout, names: Sequence[str]) -> Mixture:
    """Of VIEW/DIGEST, or VIEW/DIGEST=0.3: three readings of each of its samples in ten epochs."""
    parts = []
    for name in names:
        view, _, said = name.partition("=")
        parts.append((find_view(layout, view), _weight(name, said) if said else 1.0))
    return Mixture(parts=tuple(parts))


def _weight(name: str, said: str) -> float:
    try:
        weight = float(said)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= MAX_WEIGHT:
        raise RecipeError(
            f"view {name}: {said!r} is no number of readings in an epoch. Give one above 0, up to {MAX_WEIGHT:g}."
        )
    return weight


def _weighted(table: pa.Table, weight: float) -> pa.Table:
    if weight == 1.0:
        return table
    number = table.schema.get_field_index("weight")
    return table.set_column(number, "weight", pa.array(table["weight"].to_numpy() * weight))
