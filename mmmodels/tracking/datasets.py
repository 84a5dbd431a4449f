"""The views that a run reads, as MLflow's dataset inputs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.samples import digest_of
from pipelines.storage import is_local, local_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

DATASET_DIGEST_LENGTH = 32
"""Of MLflow's 36 characters at most; the whole digest stands in the tag `view_digest`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """What a run reads: a view by its name, its digest (64 hex digits) and where it lies."""

    name: str
    digest: str
    uri: str
    weight: float = 1.0
    """How many times each of its samples is read in an epoch."""
    num_rows: int | None = None

    @property
    def short_digest(self) -> str:
        return self.digest[:DATASET_DIGEST_LENGTH]


def tags_of(datasets: Sequence[Dataset]) -> dict[str, str]:
    """`view_digest` and `view_uri`, of several views in their order, separated by spaces."""
    if not datasets:
        return {}
    return {
        "view": " ".join(one.name if one.weight == 1 else f"{one.name}={one.weight:g}" for one in datasets),
        "view_digest": " ".join(one.digest for one in datasets),
        "view_uri": " ".join(one.uri for one in datasets),
    }


def joined(datasets: Sequence[Dataset]) -> tuple[str, str] | None:
    """Name and short digest of all of them together; of one view its own."""
    if len(datasets) == 1:
        return datasets[0].name, datasets[0].short_digest
    whole = digest_of([[one.digest, one.weight] for one in datasets])
    return ("+".join(one.name for one in datasets), whole[:DATASET_DIGEST_LENGTH]) if datasets else None


def log_datasets(client: "MlflowClient", run_id: str, datasets: Sequence[Dataset]) -> None:
    """Each view once, however often a run is started."""
    from mlflow.entities import DatasetInput, InputTag

    inputs = []
    for one in datasets:
        tags = {"mlflow.data.context": "training", "view_digest": one.digest, "weight": f"{one.weight:g}"}
        inputs.append(DatasetInput(_entity(one), [InputTag(key, value) for key, value in tags.items()]))
    if inputs:
        client.log_inputs(run_id, inputs)


def _entity(dataset: Dataset) -> Any:
    from mlflow.entities import Dataset as Entity

    uri = local_path(dataset.uri).resolve().as_uri() if is_local(dataset.uri) else dataset.uri
    scheme = uri.split("://", 1)[0]
    return Entity(
        name=dataset.name,
        digest=dataset.short_digest,
        source_type="local" if scheme == "file" else scheme,
        source=json.dumps({"uri": uri}),
        profile=json.dumps({"num_rows": dataset.num_rows}) if dataset.num_rows is not None else None,
    )
