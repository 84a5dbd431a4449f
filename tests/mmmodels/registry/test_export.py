import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mmmodels.errors import CheckpointError
from mmmodels.registry.contract import input_example, modalities_of, signature
from mmmodels.registry.export import REQUIREMENTS, fetch_bundle, log_bundle
from mmmodels.registry.promotion import CHAMPION, register
from mmmodels.tracking import open_client

RUN_KEY = "a1" * 16


@pytest.fixture(scope="module")
def model_id(
    mlflow_uri: str, new_run: Callable[[], str], bundle: Path, make_report: Callable[..., dict[str, Any]]
) -> str:
    """Logged once, for the tests that only look at it."""
    facts = {"licence": "CC0 | none"}
    return log_bundle(new_run(), bundle, "aligner", tracking_uri=mlflow_uri, report=make_report(), facts=facts)


def files_of(uri: str, model_id: str) -> Path:
    return Path(
        open_client(uri).get_logged_model(model_id).artifact_location.removeprefix("file://").replace("%20", " ")
    )


def load(uri: str, model_id: str) -> Any:
    import mlflow.pyfunc

    before = list(sys.path)
    try:
        return mlflow.pyfunc.load_model(str(files_of(uri, model_id)))
    finally:
        sys.path[:] = before


def test_a_logged_bundle_is_code_and_safetensors_with_its_papers(mlflow_uri: str, model_id: str):
    model, folder = open_client(mlflow_uri).get_logged_model(model_id), files_of(mlflow_uri, model_id)
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert model.status == "READY"
    assert {"model.safetensors", "aligner_model.py", "MLmodel", "README.md", "input_example.json"} <= names
    assert not {name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".pth", ".bin", ".pyc"))}
    assert {path.name for path in (folder / "code").iterdir()} == {"mmmodels", "pipelines"}
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert [line.split("==")[0] for line in requirements] == list(REQUIREMENTS)
    assert all("+" not in line and line.count("==") == 1 for line in requirements)
    for link in ("run_key", "view_digest", "snapshot", "code_version", "checkpoint_uri", "dagster.run_id"):
        assert model.tags[link], link
    assert model.params == {"lr": "0.1"}


def test_the_card_gives_figures_with_intervals_beside_chance(mlflow_uri: str, model_id: str):
    card = (files_of(mlflow_uri, model_id) / "README.md").read_text()
    assert "| held_out_concept/image_to_text/r_at_10 | 0.6 | 0.55 to 0.65 | 400 | 400 | 0.025 |" in card
    assert "- licence: CC0 \\| none" in card
    assert f"- view_digest: {'ab' * 32}" in card
    assert "## Limits" in card


def test_the_same_bundle_is_logged_once_and_another_evaluation_is_added_to_it(
    mlflow_uri: str, run_id: str, bundle: Path, make_report: Callable[..., dict[str, Any]]
):
    reports = (None, make_report(), make_report(), make_report() | {"evaluation_digest": "99" * 32})
    ids = {log_bundle(run_id, bundle, "aligner", tracking_uri=mlflow_uri, report=report) for report in reports}
    client = open_client(mlflow_uri)
    (model,) = client.search_logged_models([client.get_run(run_id).info.experiment_id])
    assert ids == {model.model_id}
    assert model.tags["evaluation_digest"] == "99" * 32
    assert sorted({metric.dataset_digest for metric in model.metrics}) == ["99" * 16, "ef" * 16]
    assert len(model.metrics) == 2 * len(make_report()["metrics"])
    assert [output.model_id for output in client.get_run(run_id).outputs.model_outputs] == [model.model_id]


def test_the_served_aligner_answers_as_the_aligner_itself(mlflow_uri: str, model_id: str, bundle: Path):
    import pandas as pd

    from mmmodels.alignment.bundle import load_aligner

    (given,) = input_example().to_dict("records")
    absent = {"image": None, "text": None, "audio": None}
    rows = [given, absent | {"text": "blau", "audio": given["audio"]}, absent, {"image": b"", "text": "", "audio": b""}]
    answer = load(mlflow_uri, model_id).predict(pd.DataFrame(rows))
    aligner = load_aligner(bundle)
    np.testing.assert_allclose(answer["image_embedding"][0], aligner.embed_images([given["image"]])[0], atol=1e-6)
    np.testing.assert_allclose(answer["audio_embedding"][1], aligner.embed_audio([given["audio"]])[0], atol=1e-6)
    np.testing.assert_allclose(answer["text_embedding"][1], aligner.embed_texts(["blau"])[0], atol=1e-6)
    assert answer["image_embedding"][1] is None
    assert list(answer.loc[2]) == list(answer.loc[3]) == [None, None, None]


def test_an_aligner_of_two_towers_is_served_with_its_two_columns(tmp_path):
    import torch
    from mlflow.exceptions import MlflowException

    from mmmodels.alignment.bundle import build_aligner, save_bundle
    from mmmodels.recipes import find_recipe
    from mmmodels.registry.serving.aligner_model import AlignerModel
    from mmmodels.towers.tokenizers import train_tokenizer

    torch.manual_seed(0)
    settings = {"model.modalities": "text,image", "model.text.vocab_size": "300", "model.text.layers": "1"}
    recipe = find_recipe("tiny", settings)
    tokenizer = train_tokenizer(["red circle"], vocab_size=300)
    save_bundle(tmp_path, build_aligner(recipe.model), recipe=recipe, tokenizer=tokenizer, provenance={})
    assert modalities_of(tmp_path) == ["image", "text"]
    columns = signature("aligner", modalities_of(tmp_path))
    assert columns.inputs.input_names() == ["image", "text"]
    assert columns.outputs.input_names() == ["image_embedding", "text_embedding"]
    served = AlignerModel()
    served.load_context(SimpleNamespace(artifacts={"bundle": str(tmp_path)}))
    answer = served.predict(None, input_example()[["image", "text"]])
    assert sorted(answer.columns) == ["image_embedding", "text_embedding"]
    with pytest.raises(MlflowException, match="this model has text, image") as caught:
        served.predict(None, input_example())
    assert caught.value.get_http_status_code() == 400


def test_a_request_may_lack_columns_but_not_all_and_not_hold_rubbish(mlflow_uri: str, model_id: str):
    import pandas as pd
    from mlflow.exceptions import MlflowException

    model = load(mlflow_uri, model_id)
    assert model.predict(pd.DataFrame({"text": ["a"]}))["image_embedding"][0] is None
    for frame in (pd.DataFrame({"txt": ["a"]}), pd.DataFrame({"image": [b"no picture"]})):
        with pytest.raises(MlflowException) as caught:
            model.predict(frame)
        assert caught.value.get_http_status_code() == 400


def test_a_fetched_bundle_is_the_logged_one_or_refused(mlflow_uri: str, model_id: str, bundle: Path):
    fetched = fetch_bundle(model_id, tracking_uri=mlflow_uri)
    assert {path.name for path in fetched.iterdir()} == {path.name for path in bundle.iterdir()}
    whole = (fetched / "config.json").read_bytes()
    (fetched / "config.json").write_bytes(b"{}")
    with pytest.raises(CheckpointError, match="not those that were logged"):
        fetch_bundle(model_id, tracking_uri=mlflow_uri)
    (fetched / "config.json").write_bytes(whole)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "optimizer.pt").write_bytes(b""), "optimizer.pt is not"),
        (lambda folder: (folder / "provenance.json").write_text('{"run_key": "a"}'), "view_digest, snapshot"),
    ],
)
def test_a_bundle_that_is_not_whole_is_refused(
    change: Callable[[Path], Any], reason: str, bundle: Path, tmp_path: Path, mlflow_uri: str, run_id: str
):
    folder = tmp_path / "bundle"
    shutil.copytree(bundle, folder)
    change(folder)
    with pytest.raises(CheckpointError, match=reason):
        log_bundle(run_id, folder, "aligner", tracking_uri=mlflow_uri)


def test_a_model_that_does_not_load_is_marked_failed_and_never_found(
    bundle: Path, tmp_path: Path, mlflow_uri: str, run_id: str
):
    folder = tmp_path / "bundle"
    shutil.copytree(bundle, folder)
    (folder / "model.safetensors").write_bytes(b"cut off")
    for _ in range(2):
        with pytest.raises(CheckpointError):
            log_bundle(run_id, folder, "aligner", tracking_uri=mlflow_uri)
    client = open_client(mlflow_uri)
    models = client.search_logged_models([client.get_run(run_id).info.experiment_id])
    assert [model.status for model in models] == ["FAILED", "FAILED"]


def test_the_served_classifier_answers_as_the_classifier_itself(mlflow_uri: str, run_id: str, classifier_bundle: Path):
    import pandas as pd
    from mlflow.exceptions import MlflowException

    from mmmodels.tasks.classification import load_classifier

    model_id = log_bundle(run_id, classifier_bundle, "classifier", tracking_uri=mlflow_uri)
    model = load(mlflow_uri, model_id)
    (given,) = input_example().to_dict("records")
    answer = model.predict(pd.DataFrame([given, {"image": None, "text": "cat", "audio": None}]))
    classifier = load_classifier(classifier_bundle)
    expected = classifier.predict_proba([given["image"], None], [given["text"], "cat"], [given["audio"], None])
    for row in (0, 1):
        assert list(answer["probabilities"][row]) == classifier.labels
        np.testing.assert_allclose(list(answer["probabilities"][row].values()), expected[row], atol=1e-6)
        assert answer["label"][row] == classifier.labels[expected[row].argmax()]
    with pytest.raises(MlflowException, match="row 1: has no image or text or audio"):
        model.predict(pd.DataFrame([given, {"image": None, "text": None, "audio": None}]))


FRESH = """
import json, sys
import mlflow.pyfunc
import pandas as pd
model = mlflow.pyfunc.load_model("models:/fresh@champion")
answer = model.predict(pd.DataFrame({"text": ["red circle"]}))
import mmmodels.tasks.classification
files = [m.__file__ for n, m in sys.modules.items() if n.startswith(("mmmodels", "pipelines")) and m.__file__]
print(json.dumps({"vector": answer["text_embedding"][0], "files": files}))
"""


@pytest.mark.slow
def test_a_fresh_process_serves_the_champion_from_the_models_own_code(
    mlflow_uri: str, model_id: str, bundle: Path, tmp_path: Path
):
    import json

    from mmmodels.alignment.bundle import load_aligner

    version = register(model_id, "fresh", tracking_uri=mlflow_uri)
    open_client(mlflow_uri).set_registered_model_alias("fresh", CHAMPION, str(version))
    environment = {"MLFLOW_TRACKING_URI": mlflow_uri, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "HOME": "/"}
    done = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    expected = load_aligner(bundle).embed_texts(["red circle"])[0]
    np.testing.assert_allclose(answer["vector"], expected, atol=1e-6)
    code = files_of(mlflow_uri, model_id)
    assert all(Path(file).is_relative_to(code) for file in answer["files"])
    for module in third_party_imports(answer["files"]):
        assert set(REQUIREMENTS) & {name.lower() for name in packages_distributions()[module]}, module


def third_party_imports(files: list[str]) -> set[str]:
    """The packages that these files import at their top level."""
    nodes = [node for file in files for node in ast.parse(Path(file).read_text()).body]
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {module.split(".")[0] for module in modules} - {"mmmodels", "pipelines"} - sys.stdlib_module_names


def test_metrics_are_logged_whatever_parts_voices_and_labels_are_called(
    mlflow_uri: str, new_run: Callable[[], str], bundle: Path, make_report: Callable[..., dict[str, Any]]
):
    figures = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10, "chance": 0.1}
    report = make_report() | {"metrics": {"image+audio/accuracy": figures, "voice/en+f3 (é)/cer": figures}}
    model_id = log_bundle(new_run(), bundle, "aligner", tracking_uri=mlflow_uri, report=report)
    names = {metric.key for metric in open_client(mlflow_uri).get_logged_model(model_id).metrics}
    assert names == {"image_audio/accuracy", "voice/en_f3 ___/cer"}
