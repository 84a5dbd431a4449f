"""Back from the registry to the data: the champion scores how well the parts of a sample fit, and a policy uses it.

A group of its own: in the groups of signals and curation these two would make the drawn flow a circle.
"""

from collections.abc import Sequence
from functools import cached_property

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from assets import upstream
from assets.curation import PolicyConfig, curated_view, duplicates, no_leakage_in, view_of
from assets.metadata import DATA_ENGINEERING, column_schema, headline
from assets.partitions import SNAPSHOTS
from assets.registry import champion_aligner
from assets.resources import CorpusStore
from assets.signals import distributions, signals
from mmmodels.alignment.scoring import trained_on
from pipelines.signals.alignment import Encoder, score_alignment
from pipelines.signals.columns import ALIGNMENT, SCORES
from pipelines.signals.schema import alignment_family
from pipelines.storage import read_json

Vectors = NDArray[np.float32]


class ChampionEncoder:
    """A bundle as an encoder; torch is loaded for the first sample that has no score yet, and not before."""

    def __init__(self, bundle_uri: str, *, digest: str) -> None:
        self._bundle_uri = bundle_uri
        self.digest = digest

    @cached_property
    def _model(self) -> Encoder:
        from mmmodels.alignment.bundle import load_aligner

        return load_aligner(self._bundle_uri)

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        return self._model.embed_images(images)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self._model.embed_texts(texts)

    def embed_audio(self, clips: Sequence[bytes]) -> Vectors:
        return self._model.embed_audio(clips)


@dg.asset(
    deps=[champion_aligner, curated_view],
    partitions_def=SNAPSHOTS,
    group_name="alignment",
    kinds={"pytorch", "parquet"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def alignment_signals(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """How well picture, caption and speech of a sample fit each other, by the champion's judgement.

    Samples that the champion was trained on are labelled `in_sample`: it flatters them. Percentiles are within a
    source, so that a policy can say "the worst tenth".
    """
    snapshot, layout = upstream.snapshot(context), corpora.layout
    champion = upstream.latest(context, champion_aligner)
    encoder = ChampionEncoder(champion["bundle_uri"], digest=champion["model_digest"])
    report = score_alignment(
        layout, snapshot, encoder, trained_on=trained_on(layout, read_json(f"{champion['bundle_uri']}/provenance.json"))
    )
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
    return view_of(corpora.layout, upstream.snapshot(context), config, alignment=family)


aligned_view_has_no_leakage = no_leakage_in(aligned_view)
