"""The blocking checks that stand between a view and what is trained on it."""

from collections.abc import Callable

import dagster as dg

from assets import accepted, upstream
from assets.declared import EVALUATION, DeclaredView, find_declared
from assets.partitions import VIEWS, snapshot_of
from assets.requirements import DECLARED, Requirements, clean, large_enough, licensed, measured, stable
from assets.resources import CorpusStore
from pipelines.curation.contamination import check_contamination, check_leakage
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.reporting.funnel import kept_by
from pipelines.reporting.shifting import find_shifts


def stored_view(context: upstream.Context, layout: Layout, asset: dg.AssetsDefinition) -> View:
    """The view that an asset stands for in this partition."""
    made = upstream.latest(context, asset)
    return open_view(layout, made["view"], made.data_version)


def declared_in(context: upstream.Context, corpora: CorpusStore, asset: dg.AssetsDefinition) -> DeclaredView | None:
    """The declaration behind a partition; None for the views of the journey."""
    if asset.partitions_def != VIEWS:
        return None
    return find_declared(corpora.views_file, upstream.partition_of(context, asset.key))


Check = Callable[..., dg.AssetCheckResult]


def checks_of(asset: dg.AssetsDefinition) -> list[dg.AssetChecksDefinition]:
    """The checks that stand between a view and what is trained on it."""
    key = asset.key

    def check(name: str, description: str) -> Callable[[Check], dg.AssetChecksDefinition]:
        return dg.asset_check(asset=key, name=name, blocking=True, description=description)

    def wanted(context: upstream.Context, corpora: CorpusStore, defaults: Requirements) -> Requirements:
        declared = declared_in(context, corpora, asset)
        if declared is None:
            return defaults
        return defaults.but({**DECLARED, **declared.requirements}, of=declared.name)

    def is_evaluation(context: upstream.Context, corpora: CorpusStore) -> bool:
        declared = declared_in(context, corpora, asset)
        return declared is not None and declared.purpose == EVALUATION

    @check("everything_is_measured", "No sample was dropped only because nobody measured what the policy asks.")
    def everything_is_measured(
        context: dg.AssetCheckExecutionContext, corpora: CorpusStore, requirements: Requirements
    ) -> dg.AssetCheckResult:
        return measured(upstream.latest(context, asset).metadata, wanted(context, corpora, requirements))

    @check("no_leakage", "No training sample of another group shows or says what a held-out concept shows or says.")
    def no_leakage(context: dg.AssetCheckExecutionContext, corpora: CorpusStore) -> dg.AssetCheckResult:
        if is_evaluation(context, corpora):
            return dg.AssetCheckResult(passed=True, description="An evaluation view: nothing of it is trained on.")
        leaks = check_leakage(stored_view(context, corpora.layout, asset))
        said = "Nothing that is kept to train on gives a held-out concept away."
        todo = f"{len(leaks)} pairs give a held-out concept away. Materialize the view again, with today's fingerprints."
        return dg.AssetCheckResult(
            passed=not leaks,
            description=todo if leaks else said,
            metadata={"num_leaks": len(leaks), "first": "\n".join(map(str, leaks[:10])) or "none"},
        )

    @check("no_contamination", "No sample that may be trained on is, or nearly is, one of a declared evaluation set.")
    def no_contamination(context: dg.AssetCheckExecutionContext, corpora: CorpusStore) -> dg.AssetCheckResult:
        if is_evaluation(context, corpora):
            return dg.AssetCheckResult(passed=True, description="An evaluation view: nothing of it is trained on.")
        return clean(check_contamination(stored_view(context, corpora.layout, asset)))

    @check("view_is_large_enough", "There is enough to train on, and enough held out to tell whether it helped.")
    def view_is_large_enough(
        context: dg.AssetCheckExecutionContext, corpora: CorpusStore, requirements: Requirements
    ) -> dg.AssetCheckResult:
        made = upstream.latest(context, asset).metadata
        limits, is_asked = wanted(context, corpora, requirements), is_evaluation(context, corpora)
        return large_enough(made, limits, is_evaluation=is_asked)

    @check("licences_are_covered", "Enough kept samples have a known licence, and none has one that is not allowed.")
    def licences_are_covered(
        context: dg.AssetCheckExecutionContext, corpora: CorpusStore, requirements: Requirements
    ) -> dg.AssetCheckResult:
        funnel = stored_view(context, corpora.layout, asset).funnel().to_pylist()
        by_license = {name: kept for name, (_, kept) in kept_by(funnel, "license").items() if kept}
        return licensed(by_license, wanted(context, corpora, requirements))

    @check("population_is_stable", "What is kept is distributed as in the view that passed this check last.")
    def population_is_stable(
        context: dg.AssetCheckExecutionContext, corpora: CorpusStore, requirements: Requirements
    ) -> dg.AssetCheckResult:
        view, name = stored_view(context, corpora.layout, asset), key.to_user_string()
        partition = upstream.partition_of(context, key)
        line = partition if asset.partitions_def == VIEWS else snapshot_of(partition).corpus
        before = accepted.accepted_view(corpora.layout, name, line)
        shifts = find_shifts(before, view) if before else []
        told = f"{before.view}/{before.digest[:12]}" if before else ""
        result = stable(shifts, wanted(context, corpora, requirements), before=told)
        if result.passed:
            accepted.accept(corpora.layout, name, line, view)
        return result

    return [
        everything_is_measured, no_leakage, no_contamination, view_is_large_enough, licences_are_covered,
        population_is_stable,
    ]  # fmt: skip

