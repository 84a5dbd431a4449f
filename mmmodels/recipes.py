"""Named training runs as functions returning frozen configs; imports no torch, so that a run's key costs nothing."""

import dataclasses
import difflib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from mmmodels.errors import RecipeError
from pipelines.samples import digest_of

PAIRS = (("image", "text"), ("audio", "text"), ("image", "audio"))


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageConfig:
    """The image tower: a timm network inside open_clip's vision tower."""

    timm_model_name: str = "test_byobnet"
    size_pixels: int = 64
    mean: float = 0.8
    """Drawings stand on white: their mean is far above that of photographs."""
    std: float = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class TextConfig:
    """The text tower: open_clip's causal Transformer over a byte-level BPE that is trained on the view."""

    vocab_size: int = 2048
    context_length: int = 24
    width: int = 128
    heads: int = 2
    layers: int = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioConfig:
    """The audio tower: log-mel on the device, then a timm network with one input channel."""

    timm_model_name: str = "test_byobnet"
    sample_rate_hz: int = 16_000
    num_mels: int = 64
    fft_samples: int = 512
    window_samples: int = 400
    hop_samples: int = 200
    num_frames: int = 128
    """Longer clips are cut, shorter ones padded with silence."""

    @property
    def num_samples(self) -> int:
        return self.num_frames * self.hop_samples


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The tri-modal aligner: three towers into one space."""

    embed_dim: int = 128
    initial_scale: float = 14.0
    image: ImageConfig = field(default_factory=ImageConfig)
    text: TextConfig = field(default_factory=TextConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """One loop for every task."""

    seed: int = 0
    num_steps: int = 800
    batch_size: int = 256
    """Samples of a step over all ranks together."""
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warmup_steps: int = 30
    max_gradient_norm: float = 1.0
    augmentation: float = 0.12
    """0 = none, 1 = shifts of 12 % of the side, rotations of 0.2 rad, colour, SpecAugment."""
    precision: str = "auto"
    """auto | fp32 | bf16; auto takes bf16 where the processor computes in it."""
    checkpoint_every_steps: int = 100
    log_every_steps: int = 10
    num_workers: int = 2
    """Ray Train workers; 0 runs in this process. Not part of the run key: a run may resume at another size."""
    without_fold: int = -1
    """Train without this half of the groups (0 or 1), so that the model can judge it; -1 = train on all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What is trained, on which parts of a batch, and how."""

    name: str
    task: str
    """align | classify"""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    mixture: Mapping[str, int] = field(default_factory=dict)
    """Kind of batch -> how many of them in one round of the schedule; kinds that the view lacks are left out."""


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


RECIPES: dict[str, Callable[[], Recipe]] = {recipe.__name__: recipe for recipe in (tiny, classify_tiny)}


def find_recipe(name: str, overrides: Mapping[str, str] | None = None) -> Recipe:
    """The recipe of that name with typed overrides such as `training.num_steps=50`; RecipeError names the nearest."""
    if name not in RECIPES:
        raise RecipeError(f"recipe {name!r}: there is none of that name. {_nearest(name, list(RECIPES))}")
    recipe = RECIPES[name]()
    for path, value in (overrides or {}).items():
        recipe = _replace(recipe, path.split("."), value, path)
    return recipe


def _replace(config: Any, path: list[str], value: str, whole: str) -> Any:
    values = dict(config) if isinstance(config, Mapping) else _settable(config)
    head, *rest = path
    if head not in values:
        raise RecipeError(f"--set {whole}: there is no {head!r} here. {_nearest(head, list(values))}")
    current = values[head]
    if rest and not (dataclasses.is_dataclass(current) or isinstance(current, Mapping)):
        raise RecipeError(f"--set {whole}: {head!r} is one value, it has no parts. Set {head} itself.")
    if not rest and (dataclasses.is_dataclass(current) or isinstance(current, Mapping)):
        raise RecipeError(f"--set {whole}: {head!r} has parts. Set one of them, e.g. {whole}.NAME=VALUE.")
    new = _replace(current, rest, value, whole) if rest else _typed(value, type(current), whole)
    return values | {head: new} if isinstance(config, Mapping) else dataclasses.replace(config, **{head: new})


def _settable(config: Any) -> dict[str, Any]:
    """Fields of a config; what a recipe is called and what it trains are not for setting."""
    names = (item.name for item in dataclasses.fields(config))
    return {name: getattr(config, name) for name in names if name not in ("name", "task")}


def _typed(value: str, kind: type, whole: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise RecipeError(f"--set {whole}={value}: expected {kind.__name__}. Give a value of that type.") from error


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(sorted(names))}."


@cache
def code_version() -> str:
    """Version of the package and digest of the code that decides what a run computes."""
    here = Path(__file__).parent
    parts = ("towers", "alignment", "tasks", "training")
    files = [path for part in parts for path in sorted((here / part).glob("*.py"))]
    files += [here / f"{name}.py" for name in ("batches", "loading", "planning", "preparing")]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{metadata.version('trivium')}+{digest.hexdigest()[:12]}"


def run_key_of(recipe: Recipe, *, view_digest: str, parent: str = "") -> str:
    """32 hex digits of configuration, data and code: the same key resumes, another key is another run."""
    config = asdict(recipe)
    del config["training"]["num_workers"]
    return digest_of({"recipe": config, "view": view_digest, "parent": parent, "code": code_version()})[:32]


def recipe_from(config: Mapping[str, Any]) -> Recipe:
    """The inverse of `asdict`: Ray workers and bundles carry plain dictionaries."""
    model, training = dict(config["model"]), config["training"]
    parts = {"image": ImageConfig, "text": TextConfig, "audio": AudioConfig}
    model |= {part: kind(**model[part]) for part, kind in parts.items()}
    return Recipe(
        name=config["name"],
        task=config["task"],
        model=ModelConfig(**model),
        training=TrainingConfig(**training),
        mixture=dict(config["mixture"]),
    )
