"""Which samples of a view can teach or ask for a transcript, and what every other one lacks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmmodels.preparing import Rows
from mmmodels.recipes import AudioConfig, SpeechConfig
from mmmodels.speech.transcripts import Alphabet, frames_needed, lexicon_of, plain
from pipelines.curation.splits import Split

COLUMNS = ("duration_seconds",)
KINDS = ("short", "medium", "long")
"""Of batches: thirds of the clips by their length, so that short ones are not padded to the longest."""


@dataclass(frozen=True, kw_only=True)
class SpokenRows:
    """The rows of a view as speech; lists are as long as its table."""

    data: Rows
    audio: AudioConfig
    config: SpeechConfig
    alphabet: Alphabet | None = None
    """Of a trained model; none = learnt from what may be trained on."""

    @cached_property
    def transcripts(self) -> list[str]:
        """What is said, plain; empty where nobody wrote it down."""
        distinct = [plain(text) for text in self.data.texts]
        return [distinct[number] if number >= 0 else "" for number in self.data.captions.tolist()]

    @cached_property
    def num_samples(self) -> NDArray[np.int64]:
        """(rows,): of the clip at the model's rate, 0 without one."""
        seconds = np.array([value or 0.0 for value in self.data.column("duration_seconds")])
        samples = np.rint(np.where(self.data.has("audio"), seconds, 0.0) * self.audio.sample_rate_hz)
        return np.asarray(samples, dtype=np.int64)

    @cached_property
    def units(self) -> Alphabet:
        """The characters that the model emits."""
        if self.alphabet is not None:
            return self.alphabet
        usable = self.data.in_split(Split.TRAIN) & self.data.has("audio")
        said = (text for text, may in zip(self.transcripts, usable.tolist(), strict=True) if may)
        return Alphabet.learnt(said, min_count=self.config.min_count)

    @cached_property
    def targets(self) -> list[list[int]]:
        """Units of each transcript."""
        return [self.units.encode(text) for text in self.transcripts]

    @cached_property
    def faults(self) -> list[str]:
        """Why a row is of no use: `without_clip`, `without_words`, `clip_too_long` for the model's window,
        `target_too_long` for the frames of its clip; empty where it is of use."""
        needed = [frames_needed(target) for target in self.targets]
        rows = zip(self.num_samples.tolist(), needed, strict=True)
        return [self._fault(samples, frames) for samples, frames in rows]

    def _fault(self, num_samples: int, needed: int) -> str:
        if not num_samples:
            return "without_clip"
        if not needed:
            return "without_words"
        if num_samples > self.audio.num_samples:
            return "clip_too_long"
        hops = num_samples // self.audio.hop_samples + 1
        return "target_too_long" if needed > -(-hops // self.config.frame_stride) else ""

    def usable(self, *splits: Split) -> NDArray[np.bool_]:
        """(rows,): of use, and in one of the splits."""
        return np.array([not fault for fault in self.faults], dtype=bool) & self.data.in_split(*splits)

    def left_out(self, *splits: Split) -> dict[str, int]:
        """Fault -> how many rows of the splits have it; and `unknown_characters` in those that are of use."""
        inside = np.flatnonzero(self.data.in_split(*splits)).tolist()
        counts = Counter(self.faults[row] for row in inside if self.faults[row])
        unknown = sum(self.units.unknown(self.transcripts[row]) for row in inside if not self.faults[row])
        return dict(sorted(counts.items())) | {"unknown_characters": unknown}

    @cached_property
    def languages(self) -> list[str]:
        """Those that training hears, in order of their names."""
        return sorted({str(self.language_of(row)) for row in np.flatnonzero(self.usable(Split.TRAIN)).tolist()})

    def language_of(self, row: int) -> str:
        """BCP 47; empty where nobody said."""
        return self._spoken[row] or ""

    @cached_property
    def _spoken(self) -> list[str | None]:
        return self.data.column("language")

    def lexicon(self) -> dict[str, dict[str, int]]:
        """Of the training transcripts, by language."""
        rows = np.flatnonzero(self.usable(Split.TRAIN)).tolist()
        said = ((self.language_of(row), self.transcripts[row]) for row in rows)
        return lexicon_of(said, most=self.config.max_lexicon)

    def by_length(self, chosen: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
        """Kind -> the chosen rows of that third."""
        if not chosen.any():
            return dict.fromkeys(KINDS, chosen)
        low, high = np.quantile(self.num_samples[chosen], [1 / 3, 2 / 3])
        return {
            "short": chosen & (self.num_samples <= low),
            "medium": chosen & (self.num_samples > low) & (self.num_samples <= high),
            "long": chosen & (self.num_samples > high),
        }


def target_tensors(spoken: SpokenRows, rows: NDArray[np.int64], languages: Mapping[str, int]) -> dict[str, Tensor]:
    """`units` (B, C) padded with 0, `num_units` (B,), `num_samples` (B,), `language` (B,): 0 where it has no number."""
    targets = [spoken.targets[row] for row in rows.tolist()]
    units: NDArray[Any] = np.zeros((len(rows), max(map(len, targets), default=0)), dtype=np.int64)
    for place, target in enumerate(targets):
        units[place, : len(target)] = target
    return {
        "units": torch.from_numpy(units),
        "num_units": torch.tensor([len(target) for target in targets]),
        "num_samples": torch.from_numpy(spoken.num_samples[rows]),
        "language": torch.tensor([languages.get(spoken.language_of(row), 0) for row in rows.tolist()]),
    }
