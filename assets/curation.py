"""What is kept and why: duplicates, the curated view, the views that engineers declare, and their blocking checks."""

import dagster as dg

from assets import upstream
from assets.declared import EVALUATION, find_declared
from assets.markdown import table
from assets.metadata import DATA_ENGINEERING, headline
from assets.partitions import SNAPSHOTS, VIEWS
from assets.resources import CorpusStore
from assets.signals import ASSETS, signals
from assets.view_checks import checks_of
from assets.viewing import PolicyConfig, materialized
from pipelines.curation.contamination.declaring import declare
from pipelines.curation.duplicates import find_duplicates
from pipelines.curation.policy import load_policy


@dg.asset(
    deps=[dg.AssetKey(ASSETS["fingerprints"])],
    partitions_def=SNAPSHOTS,
    group_name="curation",
    kinds={"duckdb", "parquet"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def duplicates(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """Samples that show the same picture or say the same thing, grouped, with the best of each group marked."""
    report = find_duplicates(corpora.layout, [upstream.snapshot(context)])
    return dg.MaterializeResult(
        data_version=dg.DataVersion(report.digest),
        metadata={
            "headline": headline(f"{report.num_duplicates:,} duplicates in {report.num_components:,} groups"),
            "num_duplicates": report.num_duplicates,
            "num_components": report.num_components,
            "by_kind": table(
                ["kind", "groups", "duplicates", "largest groups", "cut", "seconds"],
                (
                    [
                        name,
                        kind.num_components,
                        kind.num_duplicates,
                        ", ".join(map(str, kind.largest)),
                        kind.num_cut,
                        f"{kind.seconds:.1f}",
                    ]
                    for name, kind in report.kinds.items()
                ),
            ),
            "dagster/uri": report.uri,
        },
    )


@dg.asset(
    deps=[signals, duplicates],
    partitions_def=SNAPSHOTS,
    group_name="curation",
    kinds={"duckdb", "sql"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def curated_view(
    context: dg.AssetExecutionContext, config: PolicyConfig, corpora: CorpusStore
) -> dg.MaterializeResult[None]:
    """What a SQL policy keeps of a snapshot, with a verdict and a reason for every sample.

    Nothing is copied or deleted: a view is a list of uids over the same shards. Another threshold is another view.
    """
    return curated(context, corpora, config)


def curated(
    context: dg.AssetExecutionContext, corpora: CorpusStore, config: PolicyConfig, alignment: str | None = None
) -> dg.MaterializeResult[None]:
    """The view of a snapshot's partition."""
    snapshot = upstream.snapshot(context)
    return materialized(
        context,
        corpora.layout,
        [snapshot],
        name=f"{snapshot.corpus}-{load_policy(config.policy).name}"[:64],
        policy=config.policy,
        params=config.params,
        alignment=alignment,
        allow_not_measured=config.allow_not_measured,
    )


@dg.asset(
    deps=[
        dg.AssetDep(asset, partition_mapping=dg.AllPartitionMapping())
        for asset in (*map(dg.AssetKey, ASSETS.values()), duplicates.key)
    ],
    partitions_def=VIEWS,
    group_name="curation",
    kinds={"duckdb", "sql"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def declared_view(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """A view of one's own, over one corpus or several, as it stands in `views.toml`; its name is the partition.

    With the purpose `evaluation` it becomes an evaluation set: nothing that is curated from then on trains on it.
    """
    wanted = find_declared(corpora.views_file, context.partition_key)
    result = materialized(
        context,
        corpora.layout,
        wanted.snapshots(corpora.layout),
        name=wanted.name,
        policy=wanted.policy,
        params=wanted.params,
        alignment=wanted.alignment or None,
        allow_not_measured=wanted.allow_not_measured,
    )
    if wanted.purpose == EVALUATION and result.data_version:
        declare(corpora.layout, f"{wanted.name}/{result.data_version.value}")
    return result


CHECKS = [checks_of(curated_view), checks_of(declared_view)]
