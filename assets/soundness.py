"""What the checks of a measured family find, in words that say what to do."""

from collections.abc import Sequence

import dagster as dg

from assets.markdown import plain, share, table
from pipelines.samples import Snapshot
from pipelines.signals.drifting import ColumnDrift
from pipelines.signals.summaries import Summary

MEASURED, NULLS, RANGE, DRIFT = (
    "every_sample_is_measured",
    "nulls_are_expected",
    "values_are_in_range",
    "distribution_is_stable",
)
_NUM_NAMED = 3


def measured(asset: dg.AssetKey, summary: Summary, *, command: str) -> dg.AssetCheckResult:
    """Whether every sample of the shards has a row."""
    missing, of = summary.num_unmeasured, summary.num_samples
    todo = f"{missing:,} of {of:,} samples ({share(missing, of)}) have no row. Measure them: {command}"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=MEASURED,
        passed=not missing,
        description=todo if missing else f"{of:,} samples, each with a row.",
        metadata={"num_unmeasured": missing, "num_samples": of},
    )


def nulls(asset: dg.AssetKey, summary: Summary, *, command: str) -> dg.AssetCheckResult:
    """Whether columns are null only where the part is absent, or where they say that they are."""
    of = max(1, summary.num_samples - summary.num_unmeasured)
    bad = sorted(((name, one) for name, one in summary.nulls.items() if one.num_unexpected), key=lambda item: item[0])
    named = "; ".join(
        f"{name} of {one.num_unexpected:,} samples (first {one.example})" for name, one in bad[:_NUM_NAMED]
    )
    todo = (
        f"Null although the sample has the part that is measured: {named}. The files are not "
        f"what was measured: remove the family's folder and measure again: {command}"
    )
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=NULLS,
        passed=not bad,
        description=todo if bad else "Null only where a sample has no such part, or where the column says when.",
        metadata={
            "num_columns": len(bad),
            "nulls": table(
                ["column", "null", "share", "unexpected", "first"],
                (
                    [name, one.num_nulls, share(one.num_nulls, of), one.num_unexpected, one.example or "-"]
                    for name, one in summary.nulls.items()
                ),
            ),
        },
    )


def in_range(asset: dg.AssetKey, summary: Summary, *, command: str) -> dg.AssetCheckResult:
    """Whether every value can occur at all."""
    bad = [column for column in summary.columns if column.num_out_of_range]
    rows = [
        [column.name, column.num_out_of_range, str(one.value), one.uid] for column in bad for one in column.out_of_range
    ]
    named = "; ".join(f"{name} of {uid} is {value}" for name, _, value, uid in rows[:_NUM_NAMED])
    todo = (
        f"{sum(column.num_out_of_range for column in bad):,} values lie outside the range of their column: {named}. "
        f"The files are not what was measured, or the schema is wrong: remove the family's folder and measure again: "
        f"{command}"
    )
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=RANGE,
        passed=not bad,
        description=todo if bad else f"{len(summary.columns)} columns of numbers, every value within its range.",
        metadata={
            "num_out_of_range": sum(column.num_out_of_range for column in bad),
            "out_of_range": table(["column", "values", "for example", "uid"], rows) if rows else "none",
        },
    )


def drift(
    asset: dg.AssetKey, found: Sequence[ColumnDrift], *, before: Snapshot | None, threshold: float
) -> dg.AssetCheckResult:
    """Whether the columns are distributed as in another snapshot; a warning, for a corpus may well change."""
    if before is None:
        said = "The corpus has no other snapshot with this family: nothing to compare with."
        return dg.AssetCheckResult(asset_key=asset, check_name=DRIFT, passed=True, description=said)
    over = [one for one in found if one.is_over(threshold)]
    named = "; ".join(_named(one) for one in over[:_NUM_NAMED])
    todo = (
        f"{len(over)} of {len(found)} columns are distributed otherwise than in {before}: {named}. Look at the lowest "
        "and highest samples of both. Where the source went wrong, mend it and pack again; where the change is meant, "
        "go on, and look whether the thresholds of your policy still keep what they should."
    )
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=DRIFT,
        passed=not over,
        severity=dg.AssetCheckSeverity.WARN,
        description=todo if over else f"{len(found)} columns, distributed as in {before}.",
        metadata={
            "compared_with": str(before),
            "threshold": threshold,
            "num_drifted": len(over),
            "drift": table(
                ["column", "stability index", "by chance", "median before", "median", "drifted"],
                ([*_figures(one), "yes" if one.is_over(threshold) else ""] for one in found),
            ),
        },
    )


JUDGES = {MEASURED: measured, NULLS: nulls, RANGE: in_range}
"""Check -> what it says of a summary."""


def _figures(one: ColumnDrift) -> Sequence[object]:
    now = "none" if one.median is None else f"{one.median:,.4g}"
    return [one.name, one.stability_index, one.by_chance, f"{one.median_before:,.4g}", now]


def _named(one: ColumnDrift) -> str:
    now = "no value any more" if one.median is None else f"median {one.median_before:,.4g}, now {one.median:,.4g}"
    return f"{plain(one.name)} ({one.stability_index:.2f}; {now})"
