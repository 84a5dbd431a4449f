"""Back from the registry to the data: the champion scores how well the parts of a sample fit, and a policy uses it.

A group of its own: in the groups of signals and curation these two would make the drawn flow a circle.
"""

import dagster as dg

from assets import upstream
from assets.curation import curated, curated_view, duplicates
from assets.measured import distributions
from assets.metadata import DATA_ENGINEERING, column_schema, headline
from assets.partitions import SNAPSHOTS
from assets.registry import champion_aligner
from assets.resources import Compute, CorpusStore
from assets.signals import signals
from assets.view_checks import checks_of
from assets.viewing import PolicyConfig
from mmmodels.alignment.scoring import trained_on
from mmmodels.encoders.deferred import bundle_encoder
from mmmodels.scoring.finding import spread
from pipelines.signals.alignment import score_alignment
from pipelines.signals.columns import ALIGNMENT, SCORES
from pipelines.signals.schema import alignment_family
from pipelines.storage import read_json


@dg.asset(
    deps=[champion_aligner, curated_view],
    partitions_def=SNAPSHOTS,
    group_name="alignment",
    kinds={"pytorch", "parquet"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def alignment_signals(
    context: dg.AssetExecutionContext, corpora: CorpusStore, compute: Compute
) -> dg.MaterializeResult[None]:
    """How well picture, caption and speech of a sample fit each other, by the champion's judgement.

    Samples that the champion was trained on are labelled `in_sample`: it flatters them. Percentiles are within a
    source, so that a policy can say "the worst tenth".
    """
    snapshot, layout = upstream.snapshot(context), corpora.layout
    champion = upstream.latest(context, champion_aligner)
    bundle, name = champion["bundle_uri"], f"models:/{champion['name']}/{champion['version']}"
    encoder, num_workers = spread(bundle_encoder(bundle, name=name), cores=compute.num_workers)
    seen = trained_on(layout, read_json(f"{bundle}/provenance.json"))
    report = score_alignment(layout, snapshot, encoder, trained_on=seen, num_workers=num_workers)
    meanings = {column.name: column.meaning for column in ALIGNMENT}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(report.digest),
        metadata={
            "headline": headline(
                f"{report.num_samples:,} samples scored by {champion['name']} version {champion['version']}, "
                f"{report.num_in_sample:,} of them in sample"
            ),
            **distributions(layout, snapshot, report.key, SCORES),
            "dagster/partition_row_count": report.num_samples,
            "dagster/uri": layout.signals(report.key, snapshot),
            "dagster/column_schema": column_schema(alignment_family(encoder.digest)[1], meanings),
            "family": report.key,
            "embeddings": report.embeddings,
            "modalities": ", ".join(report.modalities),
            "num_vectors": sum(effort.num_vectors for effort in report.efforts.values()),
            "seconds": round(report.seconds, 3),
            "num_in_sample": report.num_in_sample,
            "model": champion["name"],
            "model_version": champion["version"],
        },
    )


class AlignedPolicyConfig(PolicyConfig):
    """Which policy decides with alignment at hand, with which parameters."""

    policy: str = "aligned"


@dg.asset(
    deps=[signals, duplicates, alignment_signals],
    partitions_def=SNAPSHOTS,
    group_name="alignment",
    kinds={"duckdb", "sql"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def aligned_view(
    context: dg.AssetExecutionContext, config: AlignedPolicyConfig, corpora: CorpusStore
) -> dg.MaterializeResult[None]:
    """What is kept once it is known how well the parts of a sample fit each other: the view of the next training."""
    family = upstream.latest(context, alignment_signals)["family"]
    return curated(context, corpora, config, alignment=family)


aligned_view_stands_the_tests = checks_of(aligned_view)
