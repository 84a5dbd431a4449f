"""The tiny folder corpus as a partition, with resources under a temporary folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.partitions import SNAPSHOTS, key_of
from assets.requirements import Requirements
from assets.resources import Compute, CorpusStore, Gate, Mlflow
from pipelines.samples import Snapshot
from pipelines.sources.catalog import Corpus


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Everything a test needs to materialize assets of one partition."""

    corpora: CorpusStore
    instance: dg.DagsterInstance
    snapshot: Snapshot
    folder: Path
    resources: dict[str, Any] = field(default_factory=dict)

    def materialize(self, *assets: Any, **options: Any) -> dg.ExecuteInProcessResult:
        """Materialize assets and run checks of this partition; a failed step is in the result."""
        return dg.materialize(
            [asset for asset in assets if asset is not None],
            instance=self.instance,
            resources=self.resources,
            partition_key=key_of(self.snapshot),
            raise_on_error=False,
            **options,
        )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def workplace(tmp_path: Path, tiny_corpus: Path, instance: dg.DagsterInstance) -> Workplace:
    """The tiny corpus, remembered under its name, as the only partition."""
    corpora = CorpusStore(
        root=str(tmp_path / "root"),
        cache=str(tmp_path / "cache"),
        user_catalog=str(tmp_path / "corpora.toml"),
        user_views=str(tmp_path / "views.toml"),
    )
    corpus = Corpus(name="tiny", reader="folder", location=str(tiny_corpus), license="CC0-1.0")
    corpora.remember(corpus)
    snapshot = Snapshot(corpus="tiny", snapshot=corpora.source(corpus).snapshot)
    instance.add_dynamic_partitions(str(SNAPSHOTS.name), [key_of(snapshot)])
    return Workplace(
        corpora=corpora,
        instance=instance,
        snapshot=snapshot,
        folder=tiny_corpus,
        resources={
            "corpora": corpora,
            "mlflow": Mlflow(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", artifact_root=str(tmp_path / "artifacts")),
            "gate": Gate(),
            "requirements": Requirements(),
            "compute": Compute(num_workers=1, num_training_workers=0),
        },
    )


@pytest.fixture
def figures() -> Callable[[dg.ExecuteInProcessResult, str], dict[str, Any]]:
    """(result, asset) -> the metadata of its materialization as plain values."""

    def plain(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
        for event in result.get_asset_materialization_events():
            if event.asset_key == dg.AssetKey(asset):
                return {name: value.value for name, value in event.materialization.metadata.items()}
        raise AssertionError(f"{asset} was not materialized")

    return plain
