"""The champion's scores of a partition, from an aligner that knows nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from assets import shards, sources
from assets.alignment import alignment_signals
from assets.partitions import key_of
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.samples import Modality
from pipelines.signals.files import read_facts
from pipelines.signals.measuring import measure
from pipelines.signals.vectors import read_vectors
from tests.mmmodels.small import save_random_aligner


def champion(workplace: Any, tmp_path: Path) -> None:
    """A version that somebody promoted, as the asset above tells it."""
    layout, snapshot = workplace.corpora.layout, workplace.snapshot
    measure(layout, snapshot, num_workers=1)
    view = curate(layout, [snapshot], policy=load_policy("default"), view="tiny-default")
    bundle = save_random_aligner(tmp_path / "bundle", view="tiny-default", view_digest=view.digest)
    metadata = {"bundle_uri": str(bundle), "name": "aligner", "version": 3}
    key = key_of(snapshot)
    workplace.instance.report_runless_asset_event(
        dg.AssetMaterialization("champion_aligner", partition=key, metadata=metadata)
    )


def test_the_champion_scores_every_sample_once(
    workplace: Any, tmp_path: Path, figures: Callable[[dg.ExecuteInProcessResult, str], dict[str, Any]]
) -> None:
    assert workplace.materialize(sources.source_records, shards.shards).success
    champion(workplace, tmp_path)
    first = workplace.materialize(alignment_signals)
    told = figures(first, "alignment_signals")
    layout, snapshot = workplace.corpora.layout, workplace.snapshot
    assert told["family"].startswith("alignment@")
    assert told["modalities"] == "audio, image, text"
    assert told["num_vectors"] > 0
    assert told["num_in_sample"] > 0
    facts = read_facts(layout.signal(told["embeddings"], snapshot, 0))
    assert (facts["model"], facts["precision"]) == ("models:/aligner/3", "fp32")
    assert read_vectors(layout, snapshot, told["embeddings"], Modality.AUDIO)[1].shape == (12, 128)
    second = workplace.materialize(alignment_signals)
    assert figures(second, "alignment_signals")["num_vectors"] == 0
