"""Speech recognition: what is said in a clip, in the language that is spoken, as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mmmodels.alignment.batch import Batch
from mmmodels.errors import RecipeError
from mmmodels.loading import Reading
from mmmodels.planning import Pool
from mmmodels.preparing import Prepared, Rows
from mmmodels.recipes import Recipe
from mmmodels.speech.recogniser import Recogniser
from mmmodels.speech.samples import SpokenRows, target_tensors
from mmmodels.speech.transcribing import load_transcriber
from mmmodels.tasks.inputs import Inputs
from pipelines.curation.splits import Split

MIN_UNITS = 2


@dataclass(frozen=True, kw_only=True)
class TranscriptionTask:
    """Clips with what is said in them; the loss is CTC's."""

    recipe: Recipe
    data: Rows

    @cached_property
    def spoken(self) -> SpokenRows:
        """The rows as speech."""
        return SpokenRows(data=self.data, audio=self.recipe.model.audio, config=self.recipe.speech)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Language -> its number, from 1."""
        return {language: number for number, language in enumerate(self.spoken.languages, start=1)}

    def build(self) -> nn.Module:
        """RecipeError where the view has nothing to learn from."""
        if len(self.spoken.units) <= MIN_UNITS:
            left_out = self.spoken.left_out(Split.TRAIN)
            raise RecipeError(
                f"view: {len(self.spoken.units) - 1} characters are said in its training clips, expected two or more. "
                f"Left out: {left_out}. Pack clips with their captions, or raise model.audio.num_frames."
            )
        return Recogniser(
            self.recipe.model.audio,
            self.recipe.speech,
            num_units=len(self.spoken.units),
            num_languages=len(self.numbers),
        )

    def pools(self) -> dict[str, Pool]:
        """Thirds by length: see `speech.samples.KINDS`."""
        return self._pools(Split.TRAIN)

    def held_out_pools(self) -> dict[str, Pool]:
        """Of concepts that training never hears."""
        return self._pools(Split.HELD_OUT_CONCEPT)

    def _pools(self, split: Split) -> dict[str, Pool]:
        chosen = self.spoken.by_length(self.spoken.usable(split))
        return {kind: self.data.pool(rows) for kind, rows in chosen.items()}

    def modalities(self, _kind: str) -> tuple[str, ...]:
        """The clip; its transcript is the target."""
        return ("audio",)

    def batch(self, reading: Reading) -> Batch:
        """Clips as long as the longest of them, their units, lengths and languages."""
        rows = reading.entries[:, 0]
        targets = target_tensors(self.spoken, rows, self.numbers)
        longest = int(targets["num_samples"].max())
        clips = np.ascontiguousarray(reading.arrays["audio"][:, :longest])
        return Batch(
            media={"audio": torch.from_numpy(clips)},
            groups_B=torch.from_numpy(self.data.groups[rows]),
            targets=targets,
        )

    def facts(self) -> Mapping[str, Any]:
        """The alphabet in the order of the units, the languages in that of their numbers, words by language, counts of
        what was left out of the training."""
        return {
            "alphabet": list(self.spoken.units.characters),
            "languages": self.spoken.languages,
            "lexicon": self.spoken.lexicon(),
            "left_out": self.spoken.left_out(Split.TRAIN),
        }


def task_of(recipe: Recipe, data: Rows | Prepared, _parent: Path | None) -> TranscriptionTask:
    """Of the register."""
    return TranscriptionTask(recipe=recipe, data=data)


def predict(bundle: str, inputs: Inputs) -> dict[str, Any]:
    """`text`, and the `language` that it was told; options beam, lexicon_weight, word_bonus."""
    if inputs.audio is None:
        raise RecipeError("no clip: a transcript is of --audio. Give a FLAC, WAV, OGG or MP3 file.")
    transcriber = load_transcriber(bundle, options=inputs.options)
    return {"text": transcriber.transcribe([inputs.audio], language=inputs.language)[0], "language": inputs.language}
