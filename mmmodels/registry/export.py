"""A model bundle as an MLflow model: code and safetensors, no pickle, with signature, example, requirements and card.

Built on the client, not on `mlflow.pyfunc.log_model`, which works on the process's active run and tracking URI.
"""

import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmmodels
import pipelines
from mmmodels.errors import CheckpointError
from mmmodels.registry.card import model_card
from mmmodels.registry.contract import Kind, input_example, modalities_of, signature
from mmmodels.tracking import DATASET_DIGEST_LENGTH, METRICS_PER_BATCH, open_client, patient
from pipelines.samples import digest_of
from pipelines.storage import file_sha256, read_json

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run
    from mlflow.tracking import MlflowClient

FILES = ("model.safetensors", "config.json", "provenance.json")
SUFFIXES = (".safetensors", ".json", ".txt", ".md")
"""A bundle holds nothing that would run when it is read."""
PROVENANCE = ("run_key", "view_digest", "snapshot", "code_version", "recipe")
REQUIREMENTS = (
    *("cykooz-resizer", "duckdb", "fsspec", "mlflow", "numpy", "open_clip_torch", "pandas", "pillow", "protobuf"),
    "pyarrow",
    *("safetensors", "simplejpeg", "soundfile", "soxr", "timm", "tokenizers", "torch", "torchvision", "tqdm"),
    "transformers",
)
"""What the served code imports, pinned to the installed versions; never guessed by mlflow."""
_NOT_IN_NAMES = re.compile(r"[^\w\-. :/]", re.ASCII)
"""What MLflow refuses in the name of a metric; ours hold whatever a view's labels, voices and parts are called."""
CODE = (pipelines, mmmodels)
"""Packages copied into the model, so that it loads where Trivium is not installed, and years later."""


@patient
def log_bundle(
    run_id: str,
    bundle: Path,
    kind: Kind,
    *,
    tracking_uri: str,
    report: Mapping[str, Any] | None = None,
    facts: Mapping[str, object] | None = None,
) -> str:
    """The id (m-...) of the logged model of this bundle under its run; the same bundle is logged once."""
    client = open_client(tracking_uri)
    provenance, digest, run = read_provenance(bundle), folder_digest(bundle), client.get_run(run_id)
    found = _find_logged(client, run, digest)
    model = found or _log_new(client, run, bundle, kind, {**provenance, "bundle_digest": digest})
    _link_output(client, run, model.model_id, int(provenance.get("step", 0)))
    if report is not None:
        _log_report(client, model, report)
    if report is not None or found is None:
        _write_card(client, model, model_card(kind, provenance, report, facts or {}))
    return str(model.model_id)


def read_provenance(bundle: Path) -> dict[str, Any]:
    """Where a bundle comes from; refuses a bundle that is incomplete or holds a file of an unknown kind."""
    absent = [name for name in FILES if not (bundle / name).is_file()]
    if absent:
        raise CheckpointError(f"{bundle}: no {', '.join(absent)}. A bundle is a folder with {', '.join(FILES)}.")
    unknown = sorted(path.name for path in bundle.rglob("*") if path.is_file() and path.suffix not in SUFFIXES)
    if unknown:
        raise CheckpointError(f"{bundle}: {', '.join(unknown)} is not {', '.join(SUFFIXES)}. Take it out.")
    provenance = read_json(str(bundle / "provenance.json"))
    missing = [name for name in PROVENANCE if not provenance.get(name)]
    if missing:
        raise CheckpointError(f"{bundle}/provenance.json: {', '.join(missing)} missing. Write the bundle again.")
    return provenance


def folder_digest(folder: Path) -> str:
    """sha256 (64 hex digits) over the names and bytes of all files, provenance included."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest_of({path.relative_to(folder).as_posix(): file_sha256(str(path)) for path in files})


def fetch_bundle(model_id: str, *, tracking_uri: str) -> Path:
    """The bundle inside a logged model as a local folder, checked against its digest; not copied where it is local.

    For use inside this program: `mlflow.pyfunc.load_model` would put the model's copy of the code on `sys.path`.
    """
    client = open_client(tracking_uri)
    from mlflow.artifacts import download_artifacts

    model = client.get_logged_model(model_id)
    uri = f"{model.artifact_location}/artifacts/bundle"
    bundle = Path(download_artifacts(artifact_uri=uri, tracking_uri=tracking_uri))
    if folder_digest(bundle) != model.tags["bundle_digest"]:
        raise CheckpointError(f"{uri}: its bytes are not those that were logged. Log the bundle of its run again.")
    return bundle


def _find_logged(client: "MlflowClient", run: "Run", digest: str) -> "LoggedModel | None":
    query = f"source_run_id = '{run.info.run_id}' AND tags.bundle_digest = '{digest}'"
    found = client.search_logged_models([run.info.experiment_id], query)
    return next((model for model in found if model.status == "READY"), None)


def _log_new(
    client: "MlflowClient", run: "Run", bundle: Path, kind: Kind, provenance: Mapping[str, Any]
) -> "LoggedModel":
    """Create, upload, finalize; what fails in between is marked so and never found again."""
    links = {name: value for name, value in run.data.tags.items() if not name.startswith(("mlflow.", "changed."))}
    scalars = {name: str(value) for name, value in provenance.items() if isinstance(value, str | int | float)}
    model = client.create_logged_model(
        run.info.experiment_id,
        name=kind,
        source_run_id=run.info.run_id,
        tags={**links, **scalars},
        params=run.data.params,
        model_type=kind,
    )
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = _save(bundle, kind, model, Path(scratch))
            client.log_model_artifacts(model.model_id, str(folder))
    except BaseException:
        client.finalize_logged_model(model.model_id, "FAILED")
        raise
    return client.finalize_logged_model(model.model_id, "READY")


def _save(bundle: Path, kind: Kind, model: "LoggedModel", scratch: Path) -> Path:
    """Write the MLflow model folder and prove that it loads and answers its own example."""
    import mlflow.pyfunc
    from mlflow.models import Model

    named = scratch / "bundle"  # the folder's name inside the model; mlflow refuses a link to it
    shutil.copytree(bundle, named)
    modalities = modalities_of(bundle)
    example = input_example()[modalities]
    with _quiet_pandas():
        mlflow.pyfunc.save_model(
            scratch / "model",
            python_model=Path(__file__).parent / "serving" / f"{kind}_model.py",
            artifacts={"bundle": str(named)},
            signature=signature(kind, modalities),
            input_example=example,
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in REQUIREMENTS],
            code_paths=[str(Path(package.__path__[0])) for package in CODE],
            mlflow_model=Model(model_id=model.model_id, run_id=model.source_run_id, model_uuid=model.model_id),
        )
        with _restored_path():
            mlflow.pyfunc.load_model(str(scratch / "model")).predict(example)
    return scratch / "model"


def _log_report(client: "MlflowClient", model: "LoggedModel", report: Mapping[str, Any]) -> None:
    """Metrics on model and run, tied to the evaluation's digest; once per evaluation."""
    from mlflow.entities import Metric

    if client.get_logged_model(model.model_id).tags.get("evaluation_digest") == report["evaluation_digest"]:
        return
    now_ms, run_id = int(time.time() * 1000), str(model.source_run_id)
    of = {"dataset_name": report["suite"], "dataset_digest": report["evaluation_digest"][:DATASET_DIGEST_LENGTH]}
    values = {_NOT_IN_NAMES.sub("_", name): float(metric["value"]) for name, metric in report["metrics"].items()}
    metrics = [
        Metric(name, value, now_ms, 0, model_id=model.model_id, run_id=run_id, **of) for name, value in values.items()
    ]
    for start in range(0, len(metrics), METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_PER_BATCH])
    names = ("suite", "model_digest", "protocol_digest", "evaluation_digest")
    client.set_logged_model_tags(model.model_id, {name: str(report[name]) for name in names})


def _write_card(client: "MlflowClient", model: "LoggedModel", card: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "README.md"
        path.write_text(card)
        client.log_model_artifact(model.model_id, str(path))


def _link_output(client: "MlflowClient", run: "Run", model_id: str, step: int) -> None:
    """The run's page lists the model; a second link would break a unique key."""
    from mlflow.entities import LoggedModelOutput

    linked = run.outputs.model_outputs if run.outputs else []
    if all(output.model_id != model_id for output in linked):
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model_id, step)])


@contextmanager
def _quiet_pandas() -> Iterator[None]:
    """Hide what mlflow's own use of pandas is warned for, and nothing that our code is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"mlflow\.")
        yield


@contextmanager
def _restored_path() -> Iterator[None]:
    """Loading a model puts its code in front of `sys.path` for good: not for a copy that is about to be deleted."""
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before
