"""The blocking checks that stand between a view and what is trained on it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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

NOT_TRAINED_ON = "An evaluation view: nothing of it is trained on."


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One check of one partition of a view's asset."""

    context: dg.AssetCheckExecutionContext
    corpora: CorpusStore
    defaults: Requirements
    asset: dg.AssetsDefinition

    @property
    def partition(self) -> str:
        return upstream.partition_of(self.context, self.asset.key)

    @property
    def made(self) -> Mapping[str, Any]:
        """The metadata of the materialization."""
        return upstream.latest(self.context, self.asset).metadata

    @property
    def view(self) -> View:
        return stored_view(self.context, self.corpora.layout, self.asset)

    @property
    def declared(self) -> DeclaredView | None:
        """None for the views of the journey."""
        return find_declared(self.corpora.views_file, self.partition) if self.asset.partitions_def == VIEWS else None

    @property
    def wanted(self) -> Requirements:
        """Those of the declaration where there is one."""
        declared = self.declared
        return self.defaults.but({**DECLARED, **declared.requirements}, of=declared.name) if declared else self.defaults

    @property
    def is_evaluation(self) -> bool:
        declared = self.declared
        return declared is not None and declared.purpose == EVALUATION


def _measured(asked: Asked) -> dg.AssetCheckResult:
    return measured(asked.made, asked.wanted)


def _no_leakage(asked: Asked) -> dg.AssetCheckResult:
    if asked.is_evaluation:
        return dg.AssetCheckResult(passed=True, description=NOT_TRAINED_ON)
    leaks = check_leakage(asked.view)
    said = "Nothing that is kept to train on gives a held-out concept away."
    todo = f"{len(leaks)} pairs give a held-out concept away. Materialize the view again, with today's fingerprints."
    return dg.AssetCheckResult(
        passed=not leaks,
        description=todo if leaks else said,
        metadata={"num_leaks": len(leaks), "first": "\n".join(map(str, leaks[:10])) or "none"},
    )


def _no_contamination(asked: Asked) -> dg.AssetCheckResult:
    if asked.is_evaluation:
        return dg.AssetCheckResult(passed=True, description=NOT_TRAINED_ON)
    return clean(check_contamination(asked.view))


def _large_enough(asked: Asked) -> dg.AssetCheckResult:
    return large_enough(asked.made, asked.wanted, is_evaluation=asked.is_evaluation)


def _licensed(asked: Asked) -> dg.AssetCheckResult:
    funnel = asked.view.funnel().to_pylist()
    return licensed({name: kept for name, (_, kept) in kept_by(funnel, "license").items() if kept}, asked.wanted)


def _stable(asked: Asked) -> dg.AssetCheckResult:
    """One that passes is what the next view of the corpus, or of the declaration, is compared with."""
    view, layout, asset = asked.view, asked.corpora.layout, asked.asset.key.to_user_string()
    line = asked.partition if asked.declared else snapshot_of(asked.partition).corpus
    before = accepted.accepted_view(layout, asset, line)
    shifts = find_shifts(before, view) if before else []
    result = stable(shifts, asked.wanted, before=f"{before.view}/{before.digest[:12]}" if before else "")
    if result.passed:
        accepted.accept(layout, asset, line, view)
    return result


Judge = Callable[[Asked], dg.AssetCheckResult]
JUDGES: dict[str, tuple[Judge, str]] = {
    "everything_is_measured": (_measured, "No sample was dropped only because nobody measured what the policy asks."),
    "no_leakage": (_no_leakage, "No training sample of another group shows or says what a held-out concept does."),
    "no_contamination": (
        _no_contamination,
        "No sample to train on is, or nearly is, one of an evaluation set.",
    ),
    "view_is_large_enough": (_large_enough, "There is enough to train on, and enough held out to tell if it helped."),
    "licences_are_covered": (_licensed, "Enough kept samples have a known licence, and none has a forbidden one."),
    "population_is_stable": (_stable, "What is kept is distributed as in the view that passed this check last."),
}


def checks_of(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """All of them, of one asset; in one step, because a process for each check would cost more than the check.

    What they say names the partition: checks with partitions of their own are a preview of Dagster's.
    """
    specs = [
        dg.AssetCheckSpec(name, asset=asset.key, blocking=True, description=words)
        for name, (_, words) in JUDGES.items()
    ]

    @dg.multi_asset_check(name=f"{asset.key.to_user_string()}_stands_the_tests", specs=specs, can_subset=True)
    def stands_the_tests(
        context: dg.AssetCheckExecutionContext, corpora: CorpusStore, requirements: Requirements
    ) -> Iterator[dg.AssetCheckResult]:
        asked = Asked(context=context, corpora=corpora, defaults=requirements, asset=asset)
        for name, (judge, _) in JUDGES.items():
            if dg.AssetCheckKey(asset.key, name) in context.selected_asset_check_keys:
                found = judge(asked)
                told = {"partition": dg.MetadataValue.text(asked.partition), **(found.metadata or {})}
                yield found._replace(asset_key=asset.key, check_name=name, metadata=told)

    return stands_the_tests


def stored_view(context: upstream.Context, layout: Layout, asset: dg.AssetsDefinition) -> View:
    """The view that an asset stands for in this partition."""
    made = upstream.latest(context, asset)
    return open_view(layout, made["view"], made.data_version)
