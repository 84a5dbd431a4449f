"""The recipes by name: each is a function, most derive from another by a few assignments."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from mmmodels.errors import RecipeError
from mmmodels.recipes.fusion import FusionConfig
from mmmodels.recipes.model import MODALITIES, AudioConfig, ImageConfig, ModelConfig, TextConfig
from mmmodels.recipes.named_detection import detect_tiny
from mmmodels.recipes.named_generators import caption_tiny
from mmmodels.recipes.named_speech import transcribe_tiny
from mmmodels.recipes.training import Recipe, TrainingConfig
from mmmodels.recipes.values import nearest, overridden

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the photographs that CLIP was trained on, in [0, 1]."""


def tiny() -> Recipe:
    """A tri-modal aligner in CPU minutes."""
    mixture = {"triple": 3, "image_text": 1, "audio_text": 1, "image_audio": 1}
    return Recipe(name="tiny", task="align", mixture=mixture)


def classify_tiny() -> Recipe:
    """A classifier of a sample's first tag over image, text and audio, on top of an aligner."""
    training = TrainingConfig(
        num_steps=60,
        batch_size=192,
        learning_rate=1e-3,
        warmup_steps=10,
        weight_decay=0.02,
        checkpoint_every_steps=20,
        num_workers=0,  # half a minute of work: starting a cluster for it would take as long
    )
    return Recipe(name="classify_tiny", task="classify", training=training, mixture={"labelled": 1})


def reconstruct_tiny() -> Recipe:
    """Towers that learn from what is hidden of pictures, texts and sounds; `tiny` may start from them."""
    training = TrainingConfig(
        num_steps=300,
        batch_size=128,
        learning_rate=1.5e-3,
        weight_decay=0.05,
        checkpoint_every_steps=100,
        num_workers=0,
    )
    return Recipe(name="reconstruct_tiny", task="reconstruct", training=training, mixture={"sample": 1})


def sentiment_tiny() -> Recipe:
    """Sentiment of emoji from drawing, name and voice, on top of an aligner or from nothing."""
    base = classify_tiny()
    return replace(base, name="sentiment_tiny", task="sentiment", fusion=FusionConfig(labels="emosent"))


def retrieve_tiny() -> Recipe:
    """An aligner that goes on from another (`--parent`), on pictures with texts alone, at a lower rate."""
    base = tiny()
    training = replace(base.training, num_steps=150, learning_rate=3e-4, warmup_steps=15, checkpoint_every_steps=50)
    return replace(base, name="retrieve_tiny", training=training, mixture={"image_text": 1})


def vit_b_32() -> Recipe:
    """CLIP with a ViT-B/32 over 128 million pairs: DataComp's scale `medium` (Gadre et al. 2023, scale_configs.py).

    Towers of Radford et al. 2021, table 20: image 12 layers of 768, text 12 layers of 512 over 77 tokens, space of 512.
    Rate 5e-4, 500 steps of warm-up, batch 4096 of DataComp; decay 0.2, betas and epsilon of CLIP, table 19.
    Gradients are clipped at 1, which DataComp does not do.
    """
    text = TextConfig(tokenizer="open_clip", vocab_size=49_408, context_length=77, width=512, heads=8, layers=12)
    image = ImageConfig(
        architecture="open_clip:ViT-B-32",
        size_pixels=224,
        source_pixels=256,
        mean=CLIP_MEAN,
        std=CLIP_STD,
        augmentation="photographs",
    )
    model = ModelConfig(embed_dim=512, modalities=("image", "text"), initial_scale=1 / 0.07, image=image, text=text)
    training = TrainingConfig(
        num_steps=128_000_000 // 4096,
        batch_size=4096,
        learning_rate=5e-4,
        weight_decay=0.2,
        epsilon=1e-6,
        warmup_steps=500,
        augmentation=0.0,  # CLIP crops photographs, and changes no colours
        compiles=True,
        checkpoint_every_steps=1000,
        log_every_steps=50,
    )
    return Recipe(name="vit_b_32", task="align", model=model, training=training, mixture={"image_text": 1})


def vit_b_16() -> Recipe:
    """CLIP with a ViT-B/16 over 1.28 billion pairs: the scale `large` of DataComp, otherwise as `vit_b_32`."""
    base = vit_b_32()
    image = replace(base.model.image, architecture="open_clip:ViT-B-16")
    training = replace(base.training, num_steps=1_280_000_000 // 8192, batch_size=8192)
    return replace(base, name="vit_b_16", model=replace(base.model, image=image), training=training)


def vit_s_16() -> Recipe:
    """CLIP with a ViT-S/16, trained as SLIP's CLIP baseline on YFCC15M (Mu et al. 2021): 25 epochs of 15 million pairs.

    Batch 4096, rate 5e-4, decay 0.5, one epoch of warm-up. Sizes are open_clip's ViT-S-16: 384 in both towers and the
    space; SLIP's has 12 heads instead of 6 and a text tower of 512.
    """
    base, epoch = vit_b_32(), 15_000_000 // 4096
    image = replace(base.model.image, architecture="open_clip:ViT-S-16")
    text = replace(base.model.text, width=384, heads=6)
    training = replace(base.training, num_steps=25 * epoch, warmup_steps=epoch, weight_decay=0.5, epsilon=1e-8)
    return replace(
        base, name="vit_s_16", model=replace(base.model, embed_dim=384, image=image, text=text), training=training
    )


def clap_htsat() -> Recipe:
    """CLAP with HTSAT-tiny over 10 s at 48 kHz (Wu et al. 2023, section 4.1): 45 epochs of 633,526 pairs, batch 2304.

    Rate 1e-4, no decay, 3200 steps of warm-up (experiment_scripts of LAION-AI/CLAP), Adam's betas 0.99 and 0.9, short
    clips repeated, two-layer heads into 512. The text tower is CLIP's, untrained, where theirs is a trained RoBERTa.
    """
    base = vit_b_32()
    audio = AudioConfig(
        architecture="htsat",
        sample_rate_hz=48_000,
        max_hz=14_000.0,
        mel_scale="slaney",
        loudness="decibel",
        fft_samples=1024,
        window_samples=1024,
        hop_samples=480,
        num_frames=1000,
        padding="repeat",
    )
    text = replace(base.model.text, head="mlp")
    training = replace(
        base.training,
        num_steps=45 * (633_526 // 2304),
        batch_size=2304,
        learning_rate=1e-4,
        weight_decay=0.0,
        beta1=0.99,
        beta2=0.9,
        epsilon=1e-8,
        warmup_steps=3200,
        augmentation=0.5,
    )
    model = replace(base.model, modalities=("text", "audio"), text=text, audio=audio)
    return replace(base, name="clap_htsat", model=model, training=training, mixture={"audio_text": 1})


def trimodal_b_32() -> Recipe:
    """Image, text and audio around text (as LanguageBind, Zhu et al. 2023): the towers of `vit_b_32` and `clap_htsat`.

    Of every six steps three are image-text, two audio-text and one has all three; rate and length are `vit_b_32`'s.
    """
    base, clap = vit_b_32(), clap_htsat()
    model = replace(base.model, modalities=MODALITIES, hub="text", audio=clap.model.audio)
    mixture = {"image_text": 3, "audio_text": 2, "triple": 1}
    return replace(base, name="trimodal_b_32", model=model, mixture=mixture)


_NAMED = (
    tiny,
    retrieve_tiny,
    classify_tiny,
    transcribe_tiny,
    sentiment_tiny,
    reconstruct_tiny,
    vit_s_16,
    vit_b_32,
    vit_b_16,
    clap_htsat,
    trimodal_b_32,
    detect_tiny,
    caption_tiny,
)
RECIPES: dict[str, Callable[[], Recipe]] = {recipe.__name__: recipe for recipe in _NAMED}


def find_recipe(name: str, overrides: Mapping[str, str] | None = None) -> Recipe:
    """The recipe of that name with typed overrides such as `training.num_steps=50`; RecipeError names the nearest."""
    if name not in RECIPES:
        raise RecipeError(f"recipe {name!r}: there is none of that name. {nearest(name, list(RECIPES))}")
    return overridden(RECIPES[name](), overrides or {})
