"""Captioning: the text of a picture in the language that is asked for, from the generative model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import nn

from mmmodels.alignment.batch import Batch
from mmmodels.batches import decode_image
from mmmodels.encoders.fetching import DEFAULT_CACHE
from mmmodels.errors import RecipeError
from mmmodels.generative.bundles import build_generator, generator_facts, load_generator, make_vocabulary
from mmmodels.generative.decoding import decoding_of, generate
from mmmodels.generative.sequences import fits, sequences
from mmmodels.generative.vocabulary import Vocabulary
from mmmodels.loading import Reading
from mmmodels.planning import Pool
from mmmodels.preparing import Prepared, Rows
from mmmodels.preparing.texts import Spoken, one_of_each, spoken_texts
from mmmodels.recipes import Recipe
from mmmodels.tasks.inputs import Inputs
from pipelines.curation.splits import Split
from pipelines.storage import is_local, local_path

KIND = "captioned"
TASK = "caption"


@dataclass(frozen=True, kw_only=True)
class CaptioningTask:
    """Every distinct (picture, text in a language) is an entry: (row, place among the spoken texts)."""

    recipe: Recipe
    data: Rows
    parent: Path | None

    def build(self) -> nn.Module:
        """The generator at its start, with the parent's image tower where there is a parent."""
        return build_generator(self.recipe, self.vocabulary, parent=self.parent, cache=self._cache)

    def pools(self) -> dict[str, Pool]:
        """All that may be trained on and has room in the context."""
        return {KIND: self._pool(self.places(self.spoken.may_be_trained_on))}

    def held_out_pools(self) -> dict[str, Pool]:
        """Pictures of concepts that training never sees, in the languages that it does see."""
        unseen = self.data.in_split(Split.HELD_OUT_CONCEPT)[self.spoken.row]
        return {KIND: self._pool(self.places(unseen & self.is_said))}

    def modalities(self, _kind: str) -> Sequence[str]:
        """The picture; texts are made into tokens here."""
        return ("image",)

    def batch(self, reading: Reading) -> Batch:
        """One rank's pictures with their prompts and answers."""
        rows, places = reading.entries[:, 0], reading.entries[:, 1]
        targets = sequences(
            [self.prompts[number] for number in self.spoken.language[places]],
            [self.answers[number] for number in self.numbers[places]],
            self.vocabulary,
            context_length=self.recipe.generator.context_length,
        )
        media = {name: torch.from_numpy(array) for name, array in reading.arrays.items()}
        return Batch(media=media, groups_B=torch.from_numpy(self.data.groups[rows]), targets=targets)

    def facts(self) -> Mapping[str, Any]:
        """Vocabulary and shapes of the language model, what was left out of training and why."""
        return {**generator_facts(self.recipe, self.vocabulary, cache=self._cache), "left_out": self.left_out}

    def places(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Of chosen spoken texts: the first of each (picture, language) whose text has room."""
        return one_of_each(self.spoken, chosen & self.has_room & self.is_asked, self.data.images)

    @cached_property
    def left_out(self) -> dict[str, int]:
        """Samples without a picture; spoken texts of pictures that are empty, or too long for the context."""
        no_image = self.data.images < 0
        seen = self.is_asked & ~no_image[self.spoken.row]
        return {
            "no_image": int(no_image.sum()),
            "empty_text": int((seen & ~self.is_said).sum()),
            "longer_than_context": int((seen & self.is_said & ~self.has_room).sum()),
        }

    @cached_property
    def spoken(self) -> Spoken:
        """All texts of all samples in all languages."""
        return spoken_texts(self.data.table)

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """(spoken,): which distinct text it is, -1 for an empty one."""
        return self.data.distinct.numbers_of(self.spoken.text)

    @property
    def is_said(self) -> NDArray[np.bool_]:
        """(spoken,): there is a text."""
        return self.numbers >= 0

    @cached_property
    def is_asked(self) -> NDArray[np.bool_]:
        """(spoken,): in a language of this recipe."""
        wanted = np.array([language in self.languages for language in self.spoken.languages], dtype=bool)
        return wanted[self.spoken.language] if len(wanted) else np.zeros(0, dtype=bool)

    @cached_property
    def has_room(self) -> NDArray[np.bool_]:
        """(spoken,): prompt, text and end are no longer than the context."""
        prompt = [0, 0, 0]  # as long as every prompt: start, task, language
        context = self.recipe.generator.context_length
        room = np.array([fits(prompt, ids, context) for ids in self.answers] + [True], dtype=bool)
        return room[self.numbers]

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Of the recipe, or all of the view; RecipeError for one that the view lacks."""
        known, wanted = self.spoken.languages, self.recipe.generator.languages
        if missing := [language for language in wanted if language not in known]:
            raise RecipeError(
                f"generator.languages: no text in {', '.join(missing)} in this view. There are {', '.join(known)}."
            )
        return wanted or tuple(sorted(known))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Learnt from texts that may be trained on, or the language model's own."""
        may = self.spoken.may_be_trained_on & self.is_asked
        texts = self.spoken.text.filter(pa.array(may)).to_pylist()
        return make_vocabulary(texts, self.recipe, languages=self.languages, cache=self._cache)

    @cached_property
    def prompts(self) -> list[list[int]]:
        """By number of the language; of those that are not asked for, none."""
        asked = set(self.languages)
        return [self.vocabulary.prompt(TASK, name) if name in asked else [] for name in self.spoken.languages]

    @cached_property
    def answers(self) -> list[list[int]]:
        """Token ids of every distinct text."""
        return self.vocabulary.encode_all(self.data.texts)

    @property
    def _cache(self) -> str:
        cache = self.data.layout.cache("weights")
        return str(local_path(cache)) if is_local(cache) else DEFAULT_CACHE

    def _pool(self, places: NDArray[np.int64]) -> Pool:
        return self.data.pool_of(np.stack([self.spoken.row[places], places], axis=1))


def task_of(recipe: Recipe, data: Prepared, parent: Path | None) -> CaptioningTask:
    """As `mmmodels.tasks.register` asks for it."""
    if recipe.generator.modalities != ("image",):
        raise RecipeError(
            f"generator.modalities={','.join(recipe.generator.modalities)}: captions are of pictures. Set "
            "generator.modalities=image."
        )
    return CaptioningTask(recipe=recipe, data=data, parent=parent)


def predict(bundle: str, inputs: Inputs) -> dict[str, Any]:
    """The text of a picture; `prompt` is the beginning that it must have, options are those of `generator.decoding`."""
    if inputs.image is None:
        raise RecipeError("no picture: a captioner describes one. Give --image FILE.")
    found = load_generator(bundle, tasks=("caption",))
    vocabulary, known = found.vocabulary, found.vocabulary.languages
    language = inputs.language or ("en" if "en" in known else known[0])
    beginning = vocabulary.encode(inputs.prompt) if inputs.prompt else []
    pixels = decode_image(inputs.image, config=found.recipe.model.image)
    (answer,) = generate(
        found.model,
        {"image": torch.from_numpy(pixels)[None]},
        [[*vocabulary.prompt(TASK, language), *beginning]],
        vocabulary=vocabulary,
        decoding=decoding_of(found.recipe, inputs.options),
        allowed=vocabulary.kinds("text"),
    )
    text = vocabulary.decode([*beginning, *answer.ids])
    return {
        "text": text,
        "language": language,
        "log_likelihood": answer.log_likelihood,
        "is_whole": answer.is_whole,
    }
