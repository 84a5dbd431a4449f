"""A view as a trainer or an evaluation needs it: columns, tokenised texts, decoded media."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from mmmodels.loading import Media, open_media, open_tars
from mmmodels.preparing.mixing import Mixture
from mmmodels.preparing.rows import Rows, open_rows
from mmmodels.preparing.texts import trainable_texts
from mmmodels.recipes import LoadingConfig, ModelConfig
from mmmodels.towers.tokenizers import PAD, make_tokenizer, tokenize
from pipelines.curation.views import View

MAX_TOKENS_KEPT = 64 << 20
"""Token ids that are made at once and kept; of more texts, each batch's are made when it is read."""
LENGTH_STEP = 8
"""Token rows are as long as the longest text of a batch, rounded up to this: few shapes, little padding."""


@dataclass(frozen=True, kw_only=True)
class Prepared(Rows):
    """The kept samples of a view with their media and a tokenizer."""

    config: ModelConfig
    media: Mapping[str, Media]
    tokenizer: Tokenizer

    @cached_property
    def tokens(self) -> NDArray[np.int32] | None:
        """(texts + 1, context_length), the last for the empty text; None where they are too many to keep."""
        if len(self.distinct) * self.config.text.context_length > MAX_TOKENS_KEPT:
            return None
        return self._tokenized([*self.texts, ""]).astype(np.int32)

    def texts_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n, L): token ids of texts by number, -1 for the empty one, as long as the longest asks for.

        Exact: a text tower pools the end token, and what stands behind it is padding.
        """
        ids = self.tokens[numbers] if self.tokens is not None else self._tokenized(self.distinct.some(numbers))
        longest = int((ids != PAD).sum(axis=1).max(initial=1))
        return ids[:, : -(-longest // LENGTH_STEP) * LENGTH_STEP].astype(np.int64)

    def inputs(self, modality: str, entries: NDArray[np.int64]) -> NDArray[Any]:
        """The arrays of one modality for entries (row, text number)."""
        return self.texts_of(entries[:, 1]) if modality == "text" else self.media[modality].read(entries[:, 0])

    def inputs_or_blanks(self, modality: str, entries: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """As `inputs`, with a blank where the sample lacks the modality, and (n,) whether it has it."""
        if modality == "text":
            return self.texts_of(entries[:, 1]), entries[:, 1] >= 0
        media = self.media[modality]
        there = self.has(modality)[entries[:, 0]]
        array = np.repeat(media.as_seen(media.blank[None]), len(entries), axis=0)
        if there.any():
            array[there] = media.read(entries[there, 0])
        return array, there

    def _tokenized(self, texts: list[str]) -> NDArray[np.int64]:
        ids: NDArray[np.int64] = tokenize(self.tokenizer, texts, config=self.config.text).numpy()
        return ids


def prepare(
    view: View | Mixture,
    *,
    config: ModelConfig,
    tokenizer: Tokenizer | None = None,
    num_workers: int = 1,
    without_fold: int = -1,
    loading: LoadingConfig | None = None,
    columns: Sequence[str] = (),
) -> Prepared:
    """Read the view, decode its media (once, if it is small), with a new tokenizer where none is given.

    The samples of `without_fold` are left out of everything, the tokenizer's texts too. `columns` of the view are kept
    besides those that everybody reads.
    """
    mixture = view if isinstance(view, Mixture) else Mixture(parts=((view, 1.0),))
    rows = open_rows(mixture, without_fold=without_fold, columns=columns)
    if tokenizer is None:
        tokenizer = make_tokenizer(trainable_texts(rows.table), config=config.text)
    tars = open_tars(loading or LoadingConfig(), rows.layout, state=mixture.digest)
    media = open_media(rows.table, rows.shards, layout=rows.layout, config=config, tars=tars, num_workers=num_workers)
    return Prepared(table=rows.table, layout=rows.layout, config=config, media=media, tokenizer=tokenizer)
