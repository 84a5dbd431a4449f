"""Towers that start from weights: open_clip's, timm's, CLAP's and our own; strict, safe, locked or with adapters."""

import pickle

import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file
from transformers import ClapAudioConfig, ClapAudioModelWithProjection

from mmmodels.alignment.bundle import save_bundle
from mmmodels.alignment.counting import parameter_counts
from mmmodels.alignment.model import TriModal
from mmmodels.encoders.pretrained import load_pretrained
from mmmodels.errors import CheckpointError
from mmmodels.recipes import AudioConfig, ImageConfig, ModelConfig, TextConfig, find_recipe
from mmmodels.towers.adapters import is_adapter, plain_name
from mmmodels.towers.tokenizers import train_tokenizer
from tests.mmmodels.alignment.ranks import small_batch, small_model
from tests.object_store import KEYS, serving_s3

SIZES = {"architecture": "open_clip:ViT-S-16", "size_pixels": 32, "width": 64, "layers": 1, "patch_pixels": 8}
TEXT = {"vocab_size": 64, "context_length": 8, "width": 32, "heads": 2, "layers": 1}
HTSAT = {"architecture": "htsat", "num_frames": 64, "width": 24, "depths": (1, 1, 1, 1)}


def model_of(**towers):
    torch.manual_seed(0)
    parts = {"image": ImageConfig(**SIZES), "text": TextConfig(**TEXT)} | towers
    return TriModal(ModelConfig(embed_dim=16, modalities=tuple(parts), **parts))


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory):
    """A small model of open_clip, saved as people publish them."""
    torch.manual_seed(1)
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 8, "head_width": 64}
    text = {"context_length": 12, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
    path = tmp_path_factory.mktemp("clip") / "open_clip_model.safetensors"
    model = open_clip.model.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text).eval()
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    return path, model


def test_both_towers_of_an_open_clip_file_give_its_vectors(clip_file):
    path, peer = clip_file
    model = model_of(
        image=ImageConfig(**SIZES, pretrained=str(path), mean=(0.0,), std=(1.0,)),
        text=TextConfig(**TEXT, pretrained=str(path.parent)),
    ).eval()
    load_pretrained(model)
    batch = small_batch()
    with torch.inference_mode():
        images = peer.encode_image(batch.media["image"].float() / 255, normalize=True)
        assert torch.allclose(model.embed("image", batch.media["image"]), images, atol=1e-5)
        ids = torch.nn.functional.pad(batch.media["text"], (0, 4))
        assert torch.allclose(
            model.embed("text", batch.media["text"]), peer.encode_text(ids, normalize=True), atol=1e-5
        )


def test_positions_are_resized_to_pictures_of_another_side(clip_file):
    model = model_of(image=ImageConfig(**SIZES | {"size_pixels": 48}, pretrained=str(clip_file[0])))
    load_pretrained(model)
    assert model.image.visual.positional_embedding.shape[0] == 37


def test_weights_of_another_shape_are_named_with_what_to_do(clip_file):
    model = model_of(image=ImageConfig(**SIZES | {"width": 128}, pretrained=str(clip_file[0])))
    with pytest.raises(CheckpointError, match=r"of another shape: visual\.class_embedding \(64,\), ours \(128,\)"):
        load_pretrained(model)


def test_what_is_missing_and_left_over_is_named(clip_file):
    model = model_of(image=ImageConfig(**SIZES | {"layers": 2}, pretrained=str(clip_file[0])))
    with pytest.raises(CheckpointError, match=r"missing: visual\.transformer\.resblocks\.1\..* and 7 more"):
        load_pretrained(model)


def test_a_network_of_timm_loads_without_its_classifier(tmp_path):
    save_file(timm.create_model("test_vit", img_size=32).state_dict(), tmp_path / "model.safetensors")
    image = ImageConfig(architecture="timm:test_vit", size_pixels=32, pretrained=str(tmp_path), head="mlp")
    model = model_of(image=image)
    load_pretrained(model)
    own = model_of(image=ImageConfig(architecture="timm:test_vit", size_pixels=32, pretrained=str(tmp_path)))
    with pytest.raises(CheckpointError, match=r"missing: visual\.head\.proj\.weight.*set head=linear"):
        load_pretrained(own)


def test_claps_audio_tower_loads_from_a_checkpoint_of_torch(tmp_path):
    settings = ClapAudioConfig(
        patch_embeds_hidden_size=24, hidden_size=192, depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 4, 8],
        num_hidden_layers=4, projection_dim=16,
    )  # fmt: skip
    peer = ClapAudioModelWithProjection(settings)
    torch.save({"state_dict": peer.state_dict()}, tmp_path / "clap.pt")
    model = model_of(audio=AudioConfig(**HTSAT, pretrained=str(tmp_path / "clap.pt")))
    load_pretrained(model)
    ours = model.audio.network.clap.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in peer.state_dict().items())


def test_a_tower_starts_from_a_bundle_of_ours(tmp_path):
    teacher = small_model()
    tokenizer = train_tokenizer(["a"], vocab_size=300)
    save_bundle(tmp_path, teacher, recipe=find_recipe("tiny"), tokenizer=tokenizer, provenance={})
    places = {"pretrained": str(tmp_path)}
    audio = AudioConfig(architecture="timm:test_vit", num_frames=64, **places)
    model = model_of(image=ImageConfig(**SIZES, **places), text=TextConfig(**TEXT, **places), audio=audio)
    load_pretrained(model)
    theirs = teacher.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in model.state_dict().items() if "log_" not in name)


def test_a_pickle_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    (tmp_path / "trap.pt").write_bytes(pickle.dumps({"state_dict": Trap()}))
    model = model_of(image=ImageConfig(**SIZES, pretrained=str(tmp_path / "trap.pt")))
    with pytest.raises(CheckpointError, match="not weights that can be read safely"):
        load_pretrained(model)
    assert not (tmp_path / "sprung").exists()


def test_a_name_that_is_nowhere_says_what_can_be_named():
    with pytest.raises(CheckpointError, match=r"neither the name of a config.* nor a folder"):
        load_pretrained(model_of(image=ImageConfig(**SIZES, pretrained="nowhere/at-all")))


def test_a_hub_out_of_reach_says_how_to_do_without(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match=r"hf-hub:someone/model: no weights from there .*copy the file here"):
        load_pretrained(model_of(image=ImageConfig(**SIZES, pretrained="hf-hub:someone/model")))


def test_weights_of_an_object_store_are_fetched_once(clip_file, tmp_path, monkeypatch):
    import s3fs

    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with serving_s3() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        s3fs.S3FileSystem.clear_instance_cache()
        store = s3fs.S3FileSystem()
        store.mkdir("towers")
        store.put_file(str(clip_file[0]), "towers/clip/model.safetensors")
        for location in ("s3://towers/clip/model.safetensors", "s3://towers/clip"):
            model = model_of(image=ImageConfig(**SIZES, pretrained=location))
            load_pretrained(model, cache=str(tmp_path))
            assert torch.equal(model.image.visual.proj, clip_file[1].visual.proj)
    s3fs.S3FileSystem.clear_instance_cache()


def test_openais_weights_in_a_tower_with_another_activation_are_refused(monkeypatch, clip_file):
    monkeypatch.setattr("mmmodels.encoders.pretrained.find_weights", lambda *_, **__: clip_file[0])
    model = model_of(text=TextConfig(**TEXT, pretrained="ViT-B-32/openai"))
    with pytest.raises(CheckpointError, match=r"QuickGELU.*model\.text\.quick_gelu=true"):
        load_pretrained(model)


def step(model):
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for seed in range(2):  # an adapter's first factor learns once its second has left zero
        optimizer.zero_grad()
        sum(model(small_batch(), strength=0.5, seed=seed).values()).backward()
        optimizer.step()
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def test_a_locked_tower_does_not_change_while_its_head_and_the_others_learn():
    image = ImageConfig(size_pixels=32, trained="none", head="linear")  # with batch norm: its statistics stay too
    model = model_of(image=image)
    changed = step(model)
    assert not any(name.startswith("image.") for name in changed)
    assert "heads.image.weight" in changed
    assert any(name.startswith("text.") for name in changed)
    learning, every = parameter_counts(model)["image"]
    assert learning == model.heads["image"].weight.numel() < every


@pytest.mark.parametrize("modality", ["image", "text", "audio"])
def test_with_adapters_only_they_learn_and_they_start_from_the_towers_own_vectors(modality):
    configs = {
        "image": (ImageConfig, SIZES), "text": (TextConfig, TEXT), "audio": (AudioConfig, HTSAT)
    }  # fmt: skip
    kind, sizes = configs[modality]
    rest = {"audio": AudioConfig(architecture="timm:test_vit", num_frames=64)} | {}
    plain = model_of(**rest | {modality: kind(**sizes)}).eval()
    model = model_of(**rest | {modality: kind(**sizes, trained="lora", lora_rank=2)}).eval()
    plain.load_state_dict({plain_name(name): v for name, v in model.state_dict().items() if not is_adapter(name)})
    inputs = small_batch().media[modality]
    with torch.inference_mode():
        assert torch.allclose(model.embed(modality, inputs), plain.embed(modality, inputs), atol=1e-5)
    changed = {name for name in step(model) if name.startswith(f"{modality}.")}
    assert changed
    assert all(".lora_" in name for name in changed)
    learning, every = parameter_counts(model)[modality]
    assert 0 < learning < every / 4


def test_adapters_of_a_convolutional_tower_learn_a_share_of_it():
    image = model_of(image=ImageConfig(size_pixels=32, trained="lora", lora_rank=1)).image
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in image.parameters()]
    learning, every = sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)
    assert 0 < learning < every / 2
