"""The tokens of a generative model: text, tasks, languages, times and places, all in one tokenizer.json."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.recipes import GeneratorConfig

PAD, START, END = "<|pad|>", "<|start|>", "<|end|>"
TASKS = ("caption", "transcribe", "detect", "subtitle", "classify", "answer")
_LANGUAGE = re.compile(r"<\|language:(.*)\|>")
_TIME = re.compile(r"<\|(\d+\.\d+)\|>")
_PLACE = re.compile(r"<\|place:(\d+)/(\d+)\|>")


class Vocabulary:
    """Ids of everything that stands in a prompt or an answer; the names of the tokens say what they mean."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.pad, self.start, self.end = (self._id(name) for name in (PAD, START, END))

    @classmethod
    def learnt(cls, texts: Iterable[str], config: GeneratorConfig, *, languages: Sequence[str]) -> "Vocabulary":
        """A byte-level BPE of `vocab_size` entries: any text of any script comes back as it was, up to NFC."""
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=config.vocab_size, special_tokens=[PAD], initial_alphabet=alphabet, show_progress=False
        )
        # Sorted and unique: the merges must not depend on the order or the number of workers.
        tokenizer.train_from_iterator(sorted(set(texts)), trainer)
        return cls(_with_specials(tokenizer, config, languages))

    @classmethod
    def of_file(cls, path: Path, config: GeneratorConfig, *, languages: Sequence[str]) -> "Vocabulary":
        """A language model's own tokenizer.json with our tokens behind its entries."""
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file. Put the language model's tokenizer.json there.")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            raise CheckpointError(f"{path}: not a tokenizer.json ({error}). Take another copy.") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(_with_specials(tokenizer, config, languages))

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """The inverse of `to_json`."""
        try:
            return cls(Tokenizer.from_str(text))
        except Exception as error:
            raise CheckpointError(f"vocabulary of {len(text)} characters: not a tokenizer ({error}).") from error

    def to_json(self) -> str:
        """All of it: what a bundle keeps."""
        return self.tokenizer.to_str()

    def __len__(self) -> int:
        return self.tokenizer.get_vocab_size(with_added_tokens=True)

    def encode(self, text: str) -> list[int]:
        """Ids of a text; what looks like one of our special tokens in it is text like any other."""
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Of many, in threads of the library."""
        self.tokenizer.encode_special_tokens = True
        return [found.ids for found in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text alone: tokens for times, places and languages are left out."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True).strip()

    def prompt(self, task: str, language: str = "", text: str = "") -> list[int]:
        """What a model is asked with: start, task, language, and a text where the task has one."""
        named = [self._task(task)] + ([self._language(language)] if language else [])
        return [self.start, *named, *(self.encode(text) if text else [])]

    def time(self, seconds: float) -> int:
        """The token of the nearest step; RecipeError where it lies outside."""
        ids = self._times
        if not ids or not -self._step / 2 <= seconds <= self._end + self._step / 2:
            raise RecipeError(
                f"time {seconds:.2f} s: the vocabulary's times reach to {self._end:.2f} s. Set generator.time_seconds."
            )
        return ids[min(len(ids) - 1, max(0, round(seconds / self._step)))]

    def seconds(self, token: int) -> float | None:
        """The time that a token stands for."""
        return self._seconds.get(token)

    def location(self, share: float) -> int:
        """The token of a place between 0 and 1."""
        ids = self._places
        if not ids or not 0 <= share <= 1:
            raise RecipeError(
                f"place {share:.3f}: expected 0 to 1, and a vocabulary with places ({len(ids)} here). Set "
                "generator.location_bins."
            )
        return ids[min(len(ids) - 1, int(share * len(ids)))]

    def share(self, token: int) -> float | None:
        """The middle of the place that a token stands for."""
        place = self._shares.get(token)
        return None if place is None else (place + 0.5) / len(self._places)

    def kinds(self, *names: str) -> Tensor:
        """bool (V,): tokens that an answer may have, of text, time and location; the end is always among them."""
        ids = {"text": self.text_ids, "time": self._times, "location": self._places}
        mask = torch.zeros(len(self), dtype=torch.bool)
        mask[[self.end, *[token for name in names for token in ids[name]]]] = True
        return mask

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Those that may be asked for, in order of their names."""
        return tuple(sorted(found[1] for name in self._specials if (found := _LANGUAGE.fullmatch(name))))

    @cached_property
    def text_ids(self) -> list[int]:
        """All ids that are no special token."""
        special = set(self._specials.values())
        return [token for token in range(len(self)) if token not in special]

    @cached_property
    def _specials(self) -> dict[str, int]:
        return {token.content: number for number, token in self.tokenizer.get_added_tokens_decoder().items()}

    @cached_property
    def _seconds(self) -> dict[int, float]:
        return {number: float(found[1]) for name, number in self._specials.items() if (found := _TIME.fullmatch(name))}

    @cached_property
    def _times(self) -> list[int]:
        return sorted(self._seconds, key=self._seconds.__getitem__)

    @cached_property
    def _shares(self) -> dict[int, int]:
        return {number: int(found[1]) for name, number in self._specials.items() if (found := _PLACE.fullmatch(name))}

    @cached_property
    def _places(self) -> list[int]:
        return sorted(self._shares, key=self._shares.__getitem__)

    @property
    def _end(self) -> float:
        return self._seconds[self._times[-1]] if self._times else 0.0

    @property
    def _step(self) -> float:
        return self._end / (len(self._times) - 1) if len(self._times) > 1 else 1.0

    def _task(self, task: str) -> int:
        if task not in TASKS:
            raise RecipeError(f"task {task!r}: there is no prompt for it. There are: {', '.join(TASKS)}.")
        return self._id(f"<|{task}|>")

    def _language(self, language: str) -> int:
        if language not in self.languages:
            raise RecipeError(
                f"language {language!r}: not one that this model was trained on ({', '.join(self.languages)}). Ask "
                "for one of these."
            )
        return self._id(f"<|language:{language}|>")

    def _id(self, name: str) -> int:
        found = self.tokenizer.token_to_id(name)
        if found is None:
            raise CheckpointError(f"vocabulary: has no token {name}. Use the one that the model was trained with.")
        return found


def _with_specials(tokenizer: Tokenizer, config: GeneratorConfig, languages: Sequence[str]) -> Tokenizer:
    names = [PAD, START, END, *(f"<|{task}|>" for task in TASKS)]
    names += [f"<|language:{language}|>" for language in sorted(set(languages))]
    if config.time_seconds > 0:
        steps = math.floor(config.time_seconds / config.time_step_seconds + 1e-6) + 1
        names += [f"<|{step * config.time_step_seconds:.3f}|>" for step in range(steps)]
    names += [f"<|place:{place}/{config.location_bins}|>" for place in range(config.location_bins)]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    return tokenizer
