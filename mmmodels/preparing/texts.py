"""The texts of a table by number, and which of them may be trained on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmmodels.loading.members import encoded
from pipelines.curation.splits import is_held_out_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """Every (row, language, text) of a table, in order of the rows; arrays of equal length."""

    row: NDArray[np.int64]
    language: NDArray[np.int64]
    """Its number."""
    languages: tuple[str, ...]
    """By number."""
    text: Any
    """An Arrow array of strings, nulls and empty ones among them."""
    may_be_trained_on: NDArray[np.bool_]
    """There is a text, and no evaluation holds it out."""


def spoken_texts(table: pa.Table) -> Spoken:
    """Of the columns `texts` and `group`; each distinct (group, language) is hashed once."""
    column: Any = table["texts"].combine_chunks()  # a MapArray, of which the stubs know nothing
    offsets = column.offsets.to_numpy()
    rows = np.repeat(np.arange(len(table)), np.diff(offsets))
    start, number = int(offsets[0]), int(offsets[-1] - offsets[0])
    text = column.items.slice(start, number)
    languages, language = encoded(column.keys.slice(start, number))
    groups, group = encoded(table["group"])
    there = _is_said(text) & np.asarray(column.is_valid())[rows]
    pairs, pair = np.unique(group[rows] * max(1, len(languages)) + language, return_inverse=True)
    held_out = np.array([_is_held_out(code, groups, languages) for code in pairs.tolist()], dtype=bool)
    return Spoken(
        row=rows, language=language, languages=tuple(languages), text=text, may_be_trained_on=there & ~held_out[pair]
    )


def one_of_each(spoken: Spoken, chosen: NDArray[np.bool_], images: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places in `spoken` of the first of every chosen (image, language), in their order; images (rows,), -1 = none."""
    image = images[spoken.row]
    usable = np.flatnonzero((image >= 0) & chosen)
    pairs = image[usable] * (spoken.language.max(initial=0) + 1) + spoken.language[usable]
    places: NDArray[np.int64] = usable[np.sort(np.unique(pairs, return_index=True)[1])]
    return places


def _is_held_out(code: int, groups: list[str], languages: list[str]) -> bool:
    group, language = divmod(code, len(languages))
    return is_held_out_text(groups[group] if group >= 0 else "", languages[language])


def _is_said(texts: Any) -> NDArray[np.bool_]:
    """(n,): neither null nor empty."""
    return np.asarray(pc.fill_null(pc.greater(pc.binary_length(texts), pa.scalar(0)), False))


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """Distinct texts in order of their bytes."""

    array: Any
    """An Arrow array of strings."""

    @classmethod
    def of(cls, table: pa.Table) -> "Texts":
        """All captions and all texts in all languages; the empty one is none."""
        captions = table["caption"].combine_chunks()
        distinct = pc.unique(pa.concat_arrays([captions, spoken_texts(table).text.cast(captions.type)]))
        distinct = distinct.filter(pa.array(_is_said(distinct)))
        return cls(array=distinct.take(pc.sort_indices(distinct)))

    def __len__(self) -> int:
        return len(self.array)

    def numbers_of(self, texts: Any) -> NDArray[np.int64]:
        """(n,): the number of each, -1 for null and the empty one."""
        flat = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        found = pc.index_in(flat, value_set=self.array)
        return found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)

    def some(self, numbers: NDArray[np.int64]) -> list[str]:
        """By number; -1 is the empty text."""
        taken = self.array.take(pa.array(np.maximum(numbers, 0)))
        return [text if number >= 0 else "" for text, number in zip(taken.to_pylist(), numbers, strict=True)]


def trainable_texts(table: pa.Table) -> list[str]:
    """The texts that no evaluation holds out: what a tokenizer may be trained on."""
    spoken = spoken_texts(table)
    texts: list[str] = spoken.text.filter(pa.array(spoken.may_be_trained_on)).to_pylist()
    return texts
