"""Bundles: every kind of tower is saved, loaded and embeds as before; nothing else passes for one."""

import io
import json

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from mmmodels.alignment.bundle import build_aligner, load_aligner, save_bundle
from mmmodels.encoders.deferred import bundle_encoder
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.recipes import find_recipe
from mmmodels.towers.tokenizers import make_tokenizer
from pipelines.samples import Modality
from tests.mmmodels.small import SMALL

TEXT = {"model.text.width": "32", "model.text.layers": "1"}
SMALL_VIT = {"model.image.width": "64", "model.image.layers": "1", "model.image.patch_pixels": "8"}
VIT = {"model.image.architecture": "open_clip:ViT-S-16"} | SMALL_VIT
KINDS = {
    "convolutions": {},
    "transformers, mlp heads": VIT
    | {"model.image.head": "mlp", "model.audio.head": "mlp", "model.text.head": "linear"}
    | {"model.audio.architecture": "timm:test_vit", "model.audio.num_frames": "64"},
    "htsat": {"model.audio.architecture": "htsat", "model.audio.width": "24", "model.audio.depths": "1,1,1,1"},
    "grey, sigmoid": {"model.image.in_chans": "1", "model.loss": "siglip"},
    "late, around text": VIT | {"model.late_weight": "0.5", "model.hub": "text"},
    "adapters": VIT | {"model.image.trained": "lora", "model.text.trained": "lora", "model.audio.trained": "none"},
    "larger pictures": VIT | {"model.image.source_pixels": "40", "model.image.augmentation": "photographs"},
    "no audio": {"model.modalities": "image,text"},
    "clip's tokenizer": {"model.text.tokenizer": "open_clip", "model.text.vocab_size": "49408"},
}


def saved(folder, name):
    torch.manual_seed(0)
    recipe = find_recipe("tiny", SMALL | TEXT | KINDS[name])
    model = build_aligner(recipe.model).eval()
    if "lora" in name or name == "adapters":
        for key, value in model.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(value)
    tokenizer = make_tokenizer(["red circle", "blue square"], config=recipe.model.text)
    save_bundle(folder, model, recipe=recipe, tokenizer=tokenizer, provenance={"view": "none"})
    return model, recipe


def media():
    picture, sound = io.BytesIO(), io.BytesIO()
    Image.fromarray(np.arange(40 * 30 * 3, dtype=np.uint8).reshape(40, 30, 3)).save(picture, "PNG")
    soundfile.write(sound, np.sin(np.arange(8000) / 9), 16_000, format="WAV")
    return {"image": picture.getvalue(), "text": "a red circle", "audio": sound.getvalue()}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_tower_embeds_as_before_it_was_saved(name, tmp_path):
    model, recipe = saved(tmp_path, name)
    aligner = load_aligner(tmp_path)
    assert aligner.model.config == recipe.model
    before, after = model.state_dict(), aligner.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    embed = {"image": aligner.embed_images, "text": aligner.embed_texts, "audio": aligner.embed_audio}
    encoder = bundle_encoder(str(tmp_path), device="cpu")
    assert encoder.modalities == {Modality(part) for part in recipe.model.modalities}
    encode = {"image": encoder.embed_images, "text": encoder.embed_texts, "audio": encoder.embed_audio}
    for modality in recipe.model.modalities:
        vectors = embed[modality]([media()[modality]] * 2)
        assert vectors.shape == (2, recipe.model.embed_dim)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert np.allclose(encode[modality]([media()[modality]])[0], vectors[0], atol=1e-4)


def test_a_modality_that_the_model_lacks_is_refused_by_name(tmp_path):
    saved(tmp_path, "no audio")
    with pytest.raises(RecipeError, match=r"modality 'audio': this model has image, text"):
        load_aligner(tmp_path).embed_audio([media()["audio"]])


def test_a_bundle_with_a_setting_that_is_not_known_is_refused(tmp_path):
    saved(tmp_path, "convolutions")
    config = json.loads((tmp_path / "config.json").read_text())
    config["recipe"]["model"]["image"]["timm_model_name"] = "test_byobnet"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="timm_model_name"):
        load_aligner(tmp_path)


def test_weights_of_another_architecture_are_refused(tmp_path):
    saved(tmp_path, "convolutions")
    config = json.loads((tmp_path / "config.json").read_text())
    config["recipe"]["model"]["text"]["layers"] = 2
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="weights of another architecture"):
        load_aligner(tmp_path)
