"""A view as a trainer or an evaluation needs it: columns, tokenised texts, decoded media."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mmmodels.loading import Media, blank, numbered, open_media
from mmmodels.planning import Pool
from mmmodels.recipes import ModelConfig
from mmmodels.towers.tokenizers import make_tokenizer, tokenize
from pipelines.curation.splits import Split, is_held_out_text
from pipelines.curation.views import View
from pipelines.signals.folds import fold_column

COLUMNS = (
    *("uid", "corpus", "snapshot", "shard", "group", "split", "label", "caption", "language", "voice", "texts"),
    *("image_sha256", "image_offset", "image_size", "audio_sha256", "audio_offset", "audio_size"),
)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The kept samples of a view; rows are positions in its table."""

    config: ModelConfig
    table: pa.Table
    media: Mapping[str, Media]
    tokenizer: Tokenizer
    texts: tuple[str, ...]
    """All distinct texts; entries of a pool name them by number."""
    tokens: NDArray[np.int64]
    """(texts, context_length)"""

    def column(self, name: str) -> list[Any]:
        """One column of the table as Python values."""
        return self.table[name].to_pylist()

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(rows,): equal numbers show or say the same thing."""
        return numbered(self.column("group"))

    @cached_property
    def number_of_text(self) -> dict[str, int]:
        """Text -> its number."""
        return {text: number for number, text in enumerate(self.texts)}

    @cached_property
    def captions(self) -> NDArray[np.int64]:
        """(rows,): number of the primary caption, -1 where there is none."""
        captions = self.column("caption")
        return np.array([self.number_of_text[text] if text else -1 for text in captions], dtype=np.int64)

    def has(self, modality: str) -> NDArray[np.bool_]:
        """(rows,): whether the sample has it."""
        return self.captions >= 0 if modality == "text" else self.media[modality].index >= 0

    def in_split(self, *splits: Split) -> NDArray[np.bool_]:
        """(rows,): whether the sample is in one of them."""
        return np.isin(np.array(self.column("split"), dtype=str), [str(split) for split in splits])

    def inputs(self, modality: str, entries: NDArray[np.int64]) -> NDArray[Any]:
        """The arrays of one modality for entries (row, text number)."""
        return self.tokens[entries[:, 1]] if modality == "text" else self.media[modality].read(entries[:, 0])

    def inputs_or_blanks(self, modality: str, entries: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """As `inputs`, with a blank where the sample lacks the modality, and (n,) whether it has it."""
        there = entries[:, 1] >= 0 if modality == "text" else self.has(modality)[entries[:, 0]]
        if there.all():
            return self.inputs(modality, entries), there
        array = np.repeat(self._blank(modality)[None], len(entries), axis=0)
        if there.any():
            array[there] = self.inputs(modality, entries[there])
        return array, there

    def _blank(self, modality: str) -> NDArray[Any]:
        if modality == "text":
            array: NDArray[Any] = tokenize(self.tokenizer, [""], config=self.config.text).numpy()[0]
            return array
        return blank(self.config.image if modality == "image" else self.config.audio)

    def image_texts(self) -> Pool:
        """Every distinct (image, text in a language) that may be trained on, over all languages of the samples."""
        columns = {name: self.column(name) for name in ("group", "texts", "image_sha256")}
        seen, entries = set[tuple[str, str]](), list[tuple[int, int]]()
        for row, texts in enumerate(columns["texts"]):
            sha = columns["image_sha256"][row]
            for language, text in texts or []:
                key = (sha, language)
                if sha is None or not text or key in seen or is_held_out_text(columns["group"][row], language):
                    continue
                seen.add(key)
                entries.append((row, self.number_of_text[text]))
        return self.pool_of(entries)

    def pool(self, chosen: NDArray[np.bool_]) -> Pool:
        """The chosen rows, each with its primary caption."""
        rows = np.flatnonzero(chosen)
        return self.pool_of(np.stack([rows, self.captions[rows]], axis=1))

    def pool_of(self, entries: Any) -> Pool:
        """A pool over entries (row, text number)."""
        array = np.array(entries, dtype=np.int64).reshape(-1, 2)
        return Pool(entries=array, groups=self.groups[array[:, 0]])


def trainable_texts(table: pa.Table) -> list[str]:
    """The texts that no evaluation holds out: what a tokenizer may be trained on."""
    rows: list[dict[str, Any]] = table.select(["group", "texts"]).to_pylist()
    return [
        text
        for group, texts in (row.values() for row in rows)
        for language, text in texts or []
        if text and not is_held_out_text(group, language)
    ]


def prepare(
    view: View,
    *,
    config: ModelConfig,
    tokenizer: Tokenizer | None = None,
    num_workers: int = 1,
    without_fold: int = -1,
) -> Prepared:
    """Read the view, decode its media (once), and tokenise its texts, with a new tokenizer where none is given.

    The samples of `without_fold` are left out of everything, the tokenizer's texts too.
    """
    table = view.table(list(COLUMNS))
    if without_fold >= 0:
        table = table.filter(pa.array(fold_column(table["group"]) != without_fold))
    if tokenizer is None:
        tokenizer = make_tokenizer(trainable_texts(table), config=config.text)
    every = {text for texts in table["texts"].to_pylist() for _, text in texts or [] if text}
    texts = tuple(sorted(every | {text for text in table["caption"].to_pylist() if text}))
    return Prepared(
        config=config,
        table=table,
        media=open_media(view, table, config=config, num_workers=num_workers),
        tokenizer=tokenizer,
        texts=texts,
        tokens=tokenize(tokenizer, texts, config=config.text).numpy(),
    )
