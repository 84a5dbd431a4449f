"""How far what one view keeps is from what another keeps: the population stability index of columns and categories."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipelines.curation.views import View
from pipelines.reporting.funnel import kept_by
from pipelines.reporting.measured import Measured
from pipelines.reporting.policies import query_of
from pipelines.signals.drifting import by_chance, compare, stability_index

CATEGORIES = ("language", "source", "license", "modalities", "split")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """One column, or one category, of the kept samples of two views."""

    name: str
    stability_index: float
    """Under 0.1 nothing happened, above 0.25 the two are not the same population (of scoring practice)."""
    by_chance: float
    """What two random draws of one population stay under, 999 times in 1,000."""
    told: str
    """What moved most, in words."""

    def is_over(self, threshold: float) -> bool:
        """Whether it moved, by more than chance would."""
        return self.stability_index > max(threshold, self.by_chance)


def find_shifts(before: View, after: View) -> list[Shift]:
    """Of every category, and of every column that the policies compare with a threshold; the farthest first."""
    found = [*_categories(before, after), *_columns(before, after)]
    return sorted(found, key=lambda shift: (-shift.stability_index, shift.name))


def _categories(before: View, after: View) -> Iterator[Shift]:
    tables = [view.funnel().to_pylist() for view in (before, after)]
    for name in CATEGORIES:
        was, now = ({value: kept for value, (_, kept) in kept_by(table, name).items()} for table in tables)
        values = sorted({**was, **now})
        counts = [[numbers.get(value, 0) for value in values] for numbers in (was, now)]
        yield Shift(
            name=name,
            stability_index=stability_index(*counts) if values else 0.0,
            by_chance=by_chance(len(values), sum(counts[0]), sum(counts[1])),
            told=_most_moved(was, now),
        )


def _most_moved(was: Mapping[str, int], now: Mapping[str, int]) -> str:
    """`fr 12% -> 31%`."""
    totals = [max(sum(numbers.values()), 1) for numbers in (was, now)]
    shares = {value: (was.get(value, 0) / totals[0], now.get(value, 0) / totals[1]) for value in {**was, **now}}
    if not shares:
        return "nothing is kept"
    value = max(sorted(shares), key=lambda one: abs(shares[one][1] - shares[one][0]))
    return f"{value or '(none)'} {shares[value][0]:.0%} -> {shares[value][1]:.0%}"


def _columns(before: View, after: View) -> Iterator[Shift]:
    names = frozenset(query_of(before).thresholds) | frozenset(query_of(after).thresholds)
    was, now = (
        {one.name: one.kept for one in Measured(view=view, names=names).distributions()} for view in (before, after)
    )
    for name in sorted(was.keys() & now.keys()):
        if was[name].num_values and now[name].num_values:
            index, chance = compare(was[name], now[name])
            medians = [sketch.quantiles([0.5])[0] for sketch in (was[name], now[name])]
            told = f"median {medians[0]:,.4g} -> {medians[1]:,.4g}"
            yield Shift(name=name, stability_index=index, by_chance=chance, told=told)
