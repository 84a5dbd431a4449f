"""A trained recogniser over raw clips."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmmodels.alignment.bundle import load_weights, read_bundle
from mmmodels.batches import decode_clip
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.recipes import AudioConfig, Recipe
from mmmodels.recipes.values import nearest, overridden
from mmmodels.speech.recogniser import Recogniser, likeliest
from mmmodels.speech.searching import Lexicon, search
from mmmodels.speech.transcripts import Alphabet
from pipelines.errors import SampleError

MAX_SECONDS = 30.0
OPTIONS = ("beam", "lexicon_weight", "word_bonus")
_BATCH = 64
_SILENT = 33
"""Of 32768, -60 dB of full scale: what never goes beyond it is silence."""


class Transcriber:
    """Texts of clips; every clip on its own, whatever else is asked with it."""

    def __init__(self, model: Recogniser, *, recipe: Recipe, facts: Mapping[str, Any], digest: str) -> None:
        self.model = model.eval()
        self.config = recipe.speech
        self.alphabet = Alphabet(tuple(facts["alphabet"]))
        self.languages = {language: number for number, language in enumerate(facts["languages"], start=1)}
        self.lexicon: Mapping[str, Mapping[str, int]] = facts["lexicon"]
        self._lexicons: dict[str, Lexicon] = {}
        self.digest = digest
        self.audio = _long(recipe.model.audio)

    def transcribe(self, clips: Sequence[bytes], *, language: str = "") -> list[str]:
        """Plain texts; SampleError for a clip that does not decode, has no sound or is longer than 30 s."""
        self._check(language)
        waves = [self._wave(data, number) for number, data in enumerate(clips)]
        return list(self.texts(waves, [language] * len(waves)))

    def texts(self, waves: Sequence[NDArray[np.int16]], languages: Sequence[str]) -> Iterator[str]:
        """Of mono clips at the model's rate, in their order."""
        for start in range(0, len(waves), _BATCH):
            some = waves[start : start + _BATCH]
            spoken = languages[start : start + _BATCH]
            for found, language in zip(self.frames(some, spoken), spoken, strict=True):
                yield self.text_of(found, language)

    @torch.inference_mode()
    def frames(self, waves: Sequence[NDArray[np.int16]], languages: Sequence[str]) -> list[Tensor]:
        """Log-probabilities (T, U) of each clip's own frames."""
        lengths_B = torch.tensor([len(wave) for wave in waves])
        clips_BN = torch.zeros(len(waves), int(lengths_B.max()), dtype=torch.int16)
        for row, wave in enumerate(waves):
            clips_BN[row, : len(wave)] = torch.from_numpy(wave)
        numbers_B = torch.tensor([self.languages.get(language, 0) for language in languages])
        log_probabilities_BTU, frames_B = self.model.log_probabilities(clips_BN, lengths_B, numbers_B)
        return [log_probabilities_BTU[row, :num] for row, num in enumerate(frames_B.tolist())]

    def text_of(self, log_probabilities_TU: Tensor, language: str) -> str:
        """By the decoding of the configuration."""
        if not self.config.beam:
            return self.alphabet.decode(likeliest(log_probabilities_TU)).strip()
        units = search(log_probabilities_TU.numpy(), beam=self.config.beam, lexicon=self._lexicon(language))
        return " ".join(self.alphabet.decode(units).split())

    def _lexicon(self, language: str) -> Lexicon | None:
        """Of that language, or of all of them where it is not known; made once."""
        if not self.config.lexicon_weight:
            return None
        if language not in self._lexicons:
            self._lexicons[language] = self._made(language)
        return self._lexicons[language]

    def _made(self, language: str) -> Lexicon:
        known = [self.lexicon[language]] if language in self.lexicon else list(self.lexicon.values())
        counts: dict[str, int] = {}
        for words in known:
            for word, count in words.items():
                counts[word] = counts.get(word, 0) + count
        return Lexicon(counts, alphabet=self.alphabet, weight=self.config.lexicon_weight, bonus=self.config.word_bonus)

    def _check(self, language: str) -> None:
        if language and language not in self.languages:
            raise RecipeError(
                f"--language {language}: this model has not heard it. {nearest(language, list(self.languages))} "
                "Or leave it out."
            )

    def _wave(self, data: bytes, number: int) -> NDArray[np.int16]:
        wave = decode_clip(data, config=self.audio)
        loud = np.flatnonzero(np.abs(wave.astype(np.int32)) > _SILENT)
        if not len(loud):
            raise SampleError(f"clip {number}: of {len(data)} bytes, no sound above -60 dB. Give one with speech.")
        if loud[-1] >= MAX_SECONDS * self.audio.sample_rate_hz:
            raise SampleError(f"clip {number}: longer than {MAX_SECONDS:.0f} s. Cut it where nobody speaks.")
        return wave[: int(loud[-1]) + 1]


def load_transcriber(folder: str | Path, *, options: Mapping[str, str] | None = None) -> Transcriber:
    """The recogniser of a bundle, ready to transcribe, on the processor; options in place of its own decoding."""
    bundle = read_bundle(folder)
    if bundle.recipe.task != "transcribe" or bundle.recipe.speech.head != "ctc":
        raise CheckpointError(
            f"{folder}: a model for {bundle.recipe.task!r}, expected one that recognises speech by CTC. Name another."
        )
    recipe = decoded_by(bundle.recipe, options or {})
    model = Recogniser(
        _long(recipe.model.audio),
        recipe.speech,
        num_units=len(bundle.facts["alphabet"]) + 1,
        num_languages=len(bundle.facts["languages"]),
    )
    load_weights(model, bundle.weights, folder=folder)
    return Transcriber(model, recipe=recipe, facts=bundle.facts, digest=bundle.digest)


def decoded_by(recipe: Recipe, options: Mapping[str, str]) -> Recipe:
    """With other settings of the decoding."""
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise RecipeError(f"--option {unknown[0]}: there is no such one here. {nearest(unknown[0], OPTIONS)}")
    return overridden(recipe, {f"speech.{name}": value for name, value in options.items()})


def _long(audio: AudioConfig) -> AudioConfig:
    """The same features over longer clips: nothing in the model hangs on the length."""
    seconds = MAX_SECONDS + 1
    return replace(audio, num_frames=int(seconds * audio.sample_rate_hz / audio.hop_samples), padding="silence")
