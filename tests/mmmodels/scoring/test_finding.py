import pickle
from pathlib import Path

import pytest

from mmmodels.encoders.deferred import DeferredEncoder, bundle_encoder
from mmmodels.errors import CheckpointError
from mmmodels.registry.export import log_bundle
from mmmodels.registry.promotion import register
from mmmodels.scoring.finding import find_scorer, spread
from mmmodels.tracking import Tracker
from pipelines.samples import Modality
from tests.mmmodels.small import save_random_aligner

PROVENANCE = {"view": "v", "view_digest": "ab" * 32, "snapshot": "tiny/1", "code_version": "1", "recipe": "tiny"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return save_random_aligner(tmp_path_factory.mktemp("scorer") / "bundle", run_key="b2" * 16, **PROVENANCE)


def find(model, tmp_path, uri=""):
    return find_scorer(model, tracking_uri=uri, cache=str(tmp_path / "cache"))


def test_a_bundle_is_known_without_loading_it(bundle, tmp_path):
    scorer = find(str(bundle), tmp_path)
    assert scorer.encoder.digest == scorer.provenance["model_digest"]
    assert (scorer.encoder.embed_dim, scorer.encoder.modalities) == (128, frozenset(Modality))
    assert len(pickle.dumps(scorer.encoder)) < 1000


def test_a_remote_bundle_is_fetched(bundle, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in bundle.iterdir():
        memory.pipe_file(f"/runs/one/{path.name}", path.read_bytes())
    scorer = find("memory://runs/one", tmp_path)
    assert scorer.encoder.digest == find(str(bundle), tmp_path).encoder.digest
    assert scorer.encoder.embed_texts(["red"]).shape == (1, 128)


def test_a_registered_version_is_found_by_number_and_by_alias(bundle, tmp_path, mlflow_uri):
    tracker = Tracker(uri=mlflow_uri, experiment="scoring")
    run_id = tracker.start("b2" * 16, params={}, tags={"recipe": "tiny"})
    tracker.set_links({"checkpoint_uri": str(bundle), "parent_digest": ""})
    tracker.finish()
    version = register(
        log_bundle(run_id, bundle, "aligner", tracking_uri=mlflow_uri), "scorer", tracking_uri=mlflow_uri
    )
    digest = find(str(bundle), tmp_path).encoder.digest
    for name in (f"models:/scorer/{version}", "models:/scorer@challenger"):
        assert find(name, tmp_path, mlflow_uri).encoder.digest == digest
    with pytest.raises(CheckpointError, match=r"models:/scorer@champion: not in the registry .*aliases: challenger"):
        find("models:/scorer@champion", tmp_path, mlflow_uri)


def test_a_name_that_means_nothing_is_answered_with_what_may_be_given(tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere: no model of this name. Give the folder of a bundle, models:/"):
        find("nowhere", tmp_path)


def test_a_process_per_core_without_an_accelerator(bundle):
    encoder = bundle_encoder(str(bundle), device="cpu")
    assert spread(encoder, 3) == (encoder, 3)
    assert spread(encoder, cores=2) == (encoder, 2)
    fed, num_workers = spread(bundle_encoder(str(bundle), device="cuda"), cores=8)
    assert (fed.num_threads, num_workers) == (8, 1)


def test_what_others_trained_on_is_not_known(tmp_path):
    encoder = DeferredEncoder(kind="sentences", location="", digest="0" * 64, embed_dim=512)
    assert encoder.facts["trained_on"] == "data that this root knows nothing of"
    assert "trained_on" not in bundle_encoder(str(save_random_aligner(Path(tmp_path) / "b"))).facts
