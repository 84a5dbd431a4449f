"""A trained model as a folder: safetensors, config, tokenizer, provenance; nothing in it is ever unpickled."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from mmmodels.alignment.aligner import Aligner
from mmmodels.alignment.model import TriModal
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.recipes import ModelConfig, Recipe, recipe_from
from pipelines.samples import canonical_json, digest_of
from pipelines.storage import exists, get_folder, is_local, local_path, read_json

WEIGHTS, CONFIG, TOKENIZER, PROVENANCE = "model.safetensors", "config.json", "tokenizer.json", "provenance.json"


NOT_DECISIVE = ("name", "training", "loading", "mixture")
"""Of a recipe, once it is trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """A trained model as it is stored."""

    recipe: Recipe
    weights: dict[str, Tensor]
    tokenizer: Tokenizer
    provenance: dict[str, Any]
    facts: dict[str, Any]
    """What the task said the model must know (`Task.facts`)."""

    @property
    def digest(self) -> str:
        """Of what decides a prediction."""
        return str(self.provenance["model_digest"])


def save_bundle(
    folder: Path,
    model: nn.Module | Mapping[str, Tensor],
    *,
    recipe: Recipe,
    tokenizer: Tokenizer,
    provenance: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the bundle of a model or of its weights by name; provenance comes last and marks it as whole."""
    folder.mkdir(parents=True, exist_ok=True)
    named = model.state_dict() if isinstance(model, nn.Module) else model
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in named.items()}
    save_file(weights, folder / WEIGHTS)
    config = {"recipe": asdict(recipe), "facts": dict(facts or {})}
    (folder / CONFIG).write_text(json.dumps(config, indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")
    tokenizer.save(str(folder / TOKENIZER))
    whole = dict(provenance) | {"model_digest": bundle_digest(folder)}
    (folder / PROVENANCE).write_text(json.dumps(whole, indent=1, sort_keys=True), encoding="utf-8")


def bundle_digest(folder: Path) -> str:
    """sha256 (64 hex) over weights, configuration without the training, facts, tokenizer: what decides a prediction."""
    config = json.loads((folder / CONFIG).read_bytes())
    decisive = {name: part for name, part in config["recipe"].items() if name not in NOT_DECISIVE}
    digest = hashlib.sha256(canonical_json([decisive, config["facts"]]))
    for name in (WEIGHTS, TOKENIZER):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def read_bundle(folder: str | Path) -> Bundle:
    """Of a folder or an object store; CheckpointError where it is not a whole bundle."""
    folder = local_bundle(folder)
    missing = [name for name in (WEIGHTS, CONFIG, TOKENIZER, PROVENANCE) if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(
            f"{folder}: not a model bundle, without {', '.join(missing)}. Name the folder of a run's bundle."
        )
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        return Bundle(
            recipe=recipe_from(config["recipe"]),
            weights=load_file(folder / WEIGHTS),
            tokenizer=Tokenizer.from_file(str(folder / TOKENIZER)),
            provenance=json.loads((folder / PROVENANCE).read_bytes()),
            facts=dict(config["facts"]),
        )
    except (SafetensorError, json.JSONDecodeError, KeyError, TypeError, RecipeError) as error:
        raise CheckpointError(f"{folder}: cannot be read ({error}). Train it again or take another copy.") from error


def local_bundle(folder: str | Path) -> Path:
    """The folder of a bundle on this machine; one of an object store is copied once into the user's cache."""
    uri = str(folder).rstrip("/")
    if is_local(uri):
        return local_path(uri)
    if not exists(f"{uri}/{PROVENANCE}"):
        raise CheckpointError(f"{uri}: no {PROVENANCE} there. Name a run's bundle, ROOT/checkpoints/RUN_KEY/bundle.")
    digest = digest_of([uri, read_json(f"{uri}/{PROVENANCE}")])
    return get_folder(uri, Path.home() / ".cache" / "trivium" / "bundles" / digest[:32], last=PROVENANCE)


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], *, folder: str | Path) -> None:
    """Strictly: CheckpointError names what is missing or left over."""
    try:
        model.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder}: weights of another architecture ({error}). Use the recipe it was made with."
        ) from error


def build_aligner(config: ModelConfig) -> TriModal:
    """The untrained model of a configuration."""
    return TriModal(config)


def load_aligner(folder: str | Path) -> Aligner:
    """The aligner of a bundle, ready to embed, on the processor."""
    bundle = read_bundle(folder)
    if bundle.recipe.task != "align":
        raise CheckpointError(
            f"{folder}: a model for {bundle.recipe.task!r}, expected an aligner. Name an aligner's bundle."
        )
    model = build_aligner(bundle.recipe.model)
    load_weights(model, bundle.weights, folder=folder)
    return Aligner(model, tokenizer=bundle.tokenizer, digest=bundle.digest)
