"""Checkpoints as logged models of MLflow 3: each names where its weights lie, none of them is copied.

A checkpoint that storage has dropped is dropped here too, so that the list is of what can be gone on from.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.storage import exists

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run
    from mlflow.tracking import MlflowClient

MODEL_TYPE = "checkpoint"


def find_or_create(client: "MlflowClient", run: "Run", *, uri: str, step: int) -> str:
    """The id (m-...) of the logged model of the checkpoint of a step; a resumed run finds the one it made before."""
    name = f"step-{step:08d}"
    for model in checkpoints_of(client, run):
        if model.name == name:
            client.set_logged_model_tags(model.model_id, {"checkpoint_uri": uri})
            return str(model.model_id)
    links = {key: value for key, value in run.data.tags.items() if not key.startswith(("mlflow.", "changed."))}
    model = client.create_logged_model(
        run.info.experiment_id,
        name=name,
        source_run_id=run.info.run_id,
        tags={**links, "checkpoint_uri": uri, "step": str(step), "mlflow.model.isExternal": "true"},
        params=_decisive(run.data.params),
        model_type=MODEL_TYPE,
    )
    client.finalize_logged_model(model.model_id, "READY")
    _link_output(client, run, model.model_id, step)
    return str(model.model_id)


def checkpoints_of(client: "MlflowClient", run: "Run") -> "list[LoggedModel]":
    """Those of a run that were not dropped, in order of their steps."""
    query = f"source_run_id = '{run.info.run_id}' AND model_type = '{MODEL_TYPE}'"
    found: list[LoggedModel] = client.search_logged_models([run.info.experiment_id], query)
    return sorted(found, key=lambda model: int(model.tags["step"]))


def drop_missing(client: "MlflowClient", run: "Run") -> None:
    """Delete the logged models of checkpoints that are not in storage any more; their metrics stay in the run."""
    for model in checkpoints_of(client, run):
        if not exists(model.tags["checkpoint_uri"]):
            client.delete_logged_model(model.model_id)


def mark_best(client: "MlflowClient", run: "Run", metric: str) -> None:
    """Tag `best` = true on the checkpoint with the lowest value of this metric, false on the others."""
    values = {model.model_id: _value(model, metric) for model in checkpoints_of(client, run)}
    known = {model_id: value for model_id, value in values.items() if value is not None}
    if known:
        best = min(known, key=lambda model_id: known[model_id])
        for model_id in values:
            client.set_logged_model_tags(model_id, {"best": "true" if model_id == best else "false"})


def _value(model: "LoggedModel", metric: str) -> float | None:
    return next((float(one.value) for one in model.metrics or [] if one.key == metric), None)


def _decisive(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if not name.startswith("loading.")}


def _link_output(client: "MlflowClient", run: "Run", model_id: str, step: int) -> None:
    """The run's page lists the model."""
    from mlflow.entities import LoggedModelOutput

    client.log_outputs(run.info.run_id, [LoggedModelOutput(model_id, step)])
