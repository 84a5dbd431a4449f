"""Models of open_clip with random weights, saved here: the hub is out of reach, the code that loads is the real one."""

import io
import json
import pickle

import fsspec
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mmmodels.encoders.deferred import clip_encoder
from mmmodels.errors import CheckpointError
from pipelines.errors import SampleError
from pipelines.samples import Modality
from tests.conftest import png
from tests.object_store import KEYS, serving_s3

MODEL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3], "interpolation": "bicubic", "resize_mode": "shortest"}
BUILT_IN = "ViT-S-32-alt"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """As open_clip saves a model for the hub."""
    home = tmp_path_factory.mktemp("clip") / "model"
    home.mkdir()
    torch.manual_seed(0)
    model = open_clip.CLIP(**MODEL)
    (home / "open_clip_config.json").write_text(json.dumps({"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}))
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, home / "model.safetensors")
    return home


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of a model whose config open_clip ships: (model, path)."""
    path = tmp_path_factory.mktemp("clip") / "weights.safetensors"
    torch.manual_seed(0)
    model = open_clip.create_model(BUILT_IN).eval()
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return model, path


def test_a_folder_gives_the_vectors_of_open_clips_own_loop(folder, tmp_path):
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    images, texts = [png(seed, size=50) for seed in range(5)], ["red circle", "blue square", "猫"]
    with torch.no_grad():
        batch = torch.stack([preprocess(Image.open(io.BytesIO(image))) for image in images])
        expected = [
            model.eval().encode_image(batch, normalize=True),
            model.encode_text(tokenizer(texts), normalize=True),
        ]
    encoder = clip_encoder(str(folder), cache=str(tmp_path))
    assert encoder.embed_dim == 32
    assert encoder.modalities == {Modality.IMAGE, Modality.TEXT}
    assert np.abs(encoder.embed_images(images) - expected[0].numpy()).max() < 1e-5
    assert np.abs(encoder.embed_texts(texts) - expected[1].numpy()).max() < 1e-5
    assert encoder.facts["precision"] == "fp32"


def test_order_and_neighbours_do_not_change_a_bit(folder, tmp_path):
    encoder = clip_encoder(str(folder), cache=str(tmp_path))
    images = [png(seed) for seed in range(37)]
    together = encoder.embed_images(images)
    assert np.array_equal(encoder.embed_images(images[::-1]), together[::-1])
    assert np.array_equal(encoder.embed_images(images[5:6]), together[5:6])


def test_a_text_is_cut_where_that_changes_nothing(weights, tmp_path):
    """Up to the context's end and over it: the end token is always there."""
    model, path = weights
    texts = ["red", *(" ".join(["word"] * count) for count in (5, 6, 7, 30, 75, 76, 200))]
    with torch.no_grad():
        expected = model.encode_text(open_clip.get_tokenizer(BUILT_IN)(texts), normalize=True).numpy()
    encoder = clip_encoder(f"{BUILT_IN}/{path}", cache=str(tmp_path))
    together = encoder.embed_texts(texts)
    assert np.abs(together - expected).max() < 1e-5
    assert np.array_equal(encoder.embed_texts(texts[::-1]), together[::-1])


def test_a_model_whose_texts_look_both_ways_is_given_the_whole_context(tmp_path):
    home = tmp_path / "model"
    home.mkdir()
    config = {**MODEL, "custom_text": True, "text_cfg": {**MODEL["text_cfg"], "no_causal_mask": True}}
    (home / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": PREPROCESS}))
    torch.manual_seed(1)
    build = {key: value for key, value in config.items() if key != "custom_text"}
    model = open_clip.CustomTextCLIP(**build).eval()
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, home / "model.safetensors")
    with torch.no_grad():
        expected = model.encode_text(open_clip.get_tokenizer(f"local-dir:{home}")(["red", "blue"]), normalize=True)
    encoder = clip_encoder(str(home), cache=str(tmp_path))
    assert np.abs(encoder.embed_texts(["red", "blue"]) - expected.numpy()).max() < 1e-5


def test_a_name_and_weights_are_a_model(weights, tmp_path):
    model, path = weights
    encoder = clip_encoder(f"{BUILT_IN}/{path}", cache=str(tmp_path))
    with torch.no_grad():
        expected = model.encode_text(open_clip.get_tokenizer(BUILT_IN)(["red circle"]), normalize=True)
    assert np.abs(encoder.embed_texts(["red circle"]) - expected.numpy()).max() < 1e-5


def test_torch_weights_are_read_without_unpickling_anything_else(folder, tmp_path):
    from safetensors.torch import load_file

    home = tmp_path / "model"
    home.mkdir()
    (home / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    torch.save(load_file(folder / "model.safetensors"), home / "open_clip_pytorch_model.bin")
    ours, theirs = (clip_encoder(str(one), cache=str(tmp_path)) for one in (home, folder))
    assert np.array_equal(ours.embed_texts(["red"]), theirs.embed_texts(["red"]))
    assert ours.digest != theirs.digest


class Malicious:
    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_is_refused_and_not_run(folder, tmp_path):
    home = tmp_path / "model"
    home.mkdir()
    (home / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    (home / "open_clip_pytorch_model.bin").write_bytes(pickle.dumps(Malicious(tmp_path / "it ran")))
    with pytest.raises(CheckpointError, match="a pickled model is refused, save its state_dict as safetensors"):
        clip_encoder(str(home), cache=str(tmp_path)).embed_texts(["red"])
    torch.save({"state_dict": Malicious(tmp_path / "it ran")}, home / "open_clip_pytorch_model.bin")
    with pytest.raises(CheckpointError, match="a pickled model is refused"):
        clip_encoder(str(home), cache=str(tmp_path)).embed_texts(["red"])
    assert not (tmp_path / "it ran").exists()


def test_a_remote_folder_is_fetched_once(folder, tmp_path):
    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe_file(f"/models/clip/{path.name}", path.read_bytes())
    encoder, local = (clip_encoder(place, cache=str(tmp_path)) for place in ("memory://models/clip", str(folder)))
    assert encoder.digest == local.digest
    assert np.array_equal(encoder.embed_images([png(1)]), local.embed_images([png(1)]))
    fetched = sorted((tmp_path / "models").rglob("*.safetensors"))
    again = clip_encoder("memory://models/clip", cache=str(tmp_path))
    assert again.digest == local.digest
    assert sorted((tmp_path / "models").rglob("*.safetensors")) == fetched
    assert len(fetched) == 1


def test_weights_on_s3_are_fetched(weights, tmp_path, monkeypatch):
    pytest.importorskip("moto")
    import s3fs

    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with serving_s3() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        s3fs.S3FileSystem.clear_instance_cache()
        store = s3fs.S3FileSystem()
        store.mkdir("models")
        store.put_file(str(weights[1]), "models/clip/weights.safetensors")
        remote = clip_encoder(f"{BUILT_IN}/s3://models/clip/weights.safetensors", cache=str(tmp_path))
        local = clip_encoder(f"{BUILT_IN}/{weights[1]}", cache=str(tmp_path))
        assert remote.digest == local.digest
        assert np.array_equal(remote.embed_texts(["red circle"]), local.embed_texts(["red circle"]))
        with pytest.raises(CheckpointError, match=r"s3://models/clip/no\.pt: there is no such object"):
            clip_encoder(f"{BUILT_IN}/s3://models/clip/no.pt", cache=str(tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (f"{BUILT_IN}/laion3b", "no tag of ViT-S-32-alt"),
        (f"{BUILT_IN}/nowhere.safetensors", "there is no such file"),
        ("ViT-B-33/laion2b_s34b_b79k", "neither the name of a config of open_clip nor a folder with"),
    ],
)
def test_a_model_that_is_not_there_is_named_with_what_is(location, said, tmp_path):
    with pytest.raises(CheckpointError, match=said):
        clip_encoder(location, cache=str(tmp_path))


def test_weights_of_another_config_are_refused(folder, tmp_path):
    with pytest.raises(CheckpointError, match=f"not the weights of {BUILT_IN}.*Name the config"):
        clip_encoder(f"{BUILT_IN}/{folder}/model.safetensors", cache=str(tmp_path)).embed_texts(["red"])


def test_transparency_lies_on_white(folder, tmp_path):
    clear, white = io.BytesIO(), io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(clear, "PNG")
    Image.new("RGB", (40, 40), "white").save(white, "PNG")
    vectors = clip_encoder(str(folder), cache=str(tmp_path)).embed_images([clear.getvalue(), white.getvalue()])
    assert np.array_equal(vectors[0], vectors[1])


def test_a_picture_that_does_not_decode_is_a_sample_error(folder, tmp_path):
    with pytest.raises(SampleError, match=r"image of 7 bytes.*Give JPEG, PNG or WebP"):
        clip_encoder(str(folder), cache=str(tmp_path)).embed_images([b"nothing"])
