"""A generator at its start, from a parent's towers where there is one, and back out of a bundle."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mmmodels.alignment.bundle import load_weights, read_bundle
from mmmodels.encoders.fetching import DEFAULT_CACHE
from mmmodels.encoders.pretrained import fill_tower, load_tower
from mmmodels.errors import CheckpointError
from mmmodels.generative.encoders import TowerEncoder
from mmmodels.generative.language_models import (
    build_language_model,
    find_language_model,
    language_model_of,
    settings_for,
)
from mmmodels.generative.model import Generator
from mmmodels.generative.vocabulary import Vocabulary
from mmmodels.recipes import Recipe


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedGenerator:
    """A trained generator, ready to answer, on the processor."""

    model: Generator
    vocabulary: Vocabulary
    recipe: Recipe
    facts: dict[str, Any]
    digest: str


def make_vocabulary(
    texts: Iterable[str], recipe: Recipe, *, languages: Sequence[str], cache: str = DEFAULT_CACHE
) -> Vocabulary:
    """Learnt from texts that may be trained on, or the language model's own."""
    config = recipe.generator
    if config.tokenizer == "bpe":
        return Vocabulary.learnt(texts, config, languages=languages)
    path = find_language_model(config.language_model, cache=cache) / "tokenizer.json"
    return Vocabulary.of_file(path, config, languages=languages)


def build_generator(
    recipe: Recipe, vocabulary: Vocabulary, *, parent: Path | None, cache: str = DEFAULT_CACHE
) -> Generator:
    """With the parent's towers, or those that `pretrained` names; CheckpointError where they are of other shapes."""
    language_model = build_language_model(recipe.generator, num_tokens=len(vocabulary), cache=cache)
    model = Generator(recipe.model, recipe.generator, language_model=language_model)
    weights = read_bundle(parent).weights if parent else None
    for modality, encoder in model.encoders.items():
        if isinstance(encoder, TowerEncoder):
            load_tower(encoder.tower, modality, recipe.model, cache=cache)
            if weights is not None:
                fill_tower(encoder.tower, modality, weights, where=str(parent))
    return model


def generator_facts(recipe: Recipe, vocabulary: Vocabulary, *, cache: str = DEFAULT_CACHE) -> dict[str, Any]:
    """What `load_generator` needs besides weights and recipe: part of a task's facts."""
    settings = settings_for(recipe.generator, num_tokens=len(vocabulary), cache=cache)
    return {"vocabulary": vocabulary.to_json(), "language_model": settings}


def load_generator(folder: str | Path, *, tasks: Sequence[str]) -> LoadedGenerator:
    """Of a bundle; CheckpointError where it is a model for none of these tasks, or of another architecture."""
    bundle = read_bundle(folder)
    if bundle.recipe.task not in tasks or "vocabulary" not in bundle.facts:
        raise CheckpointError(
            f"{folder}: a model for {bundle.recipe.task!r}, expected a generator for {' or '.join(tasks)}. Name the "
            "bundle of one."
        )
    model = Generator(
        bundle.recipe.model, bundle.recipe.generator, language_model=language_model_of(bundle.facts["language_model"])
    )
    load_weights(model, bundle.weights, folder=folder)
    vocabulary = Vocabulary.from_json(cast("str", bundle.facts["vocabulary"]))
    return LoadedGenerator(
        model=model.eval(), vocabulary=vocabulary, recipe=bundle.recipe, facts=bundle.facts, digest=bundle.digest
    )
