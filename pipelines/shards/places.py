"""Where the members of samples lie in their tar, and how one read per sample becomes its members."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.shards.sidecar import MEMBERS

COLUMNS = [
    *(f"{member}_{what}" for member in MEMBERS for what in ("offset", "size")),
    *("image_extension", "audio_extension"),
]
"""Of a sidecar, for `places_of`."""
_EXTENSIONS = {"text": "txt", "json": "json"}
_NOWHERE = np.iinfo(np.int64).max


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Of n samples of one shard; columns are in the order of MEMBERS."""

    offsets: NDArray[np.int64]
    """(n, 4), -1 where a sample has no such member."""
    sizes: NDArray[np.int64]
    """(n, 4), 0 where a sample has no such member."""
    extensions: NDArray[np.uint8]
    """(n, 4), positions in `names`."""
    names: tuple[str, ...]

    def cuts(self, members: Sequence[str]) -> "Cuts":
        """One range for each sample that holds the members asked for."""
        columns = [MEMBERS.index(member) for member in members]
        offsets, sizes = self.offsets[:, columns], self.sizes[:, columns]
        there = offsets >= 0
        low = np.where(there, offsets, _NOWHERE).min(axis=1, initial=_NOWHERE)
        high = np.where(there, offsets + sizes, 0).max(axis=1, initial=0)
        low = np.minimum(low, high)  # a sample with none of them: nothing at 0
        kinds, kind_of = np.unique(self.extensions[:, columns], axis=0, return_inverse=True)
        named = [tuple(self.names[code] for code in kind) for kind in kinds.tolist()]
        return Cuts(
            ranges=list(zip(low.tolist(), (high - low).tolist(), strict=True)),
            extensions=[named[kind] for kind in kind_of.ravel().tolist()],
            offsets=np.where(there, offsets - low[:, None], -1).tolist(),
            sizes=sizes.tolist(),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cuts:
    """How to read samples: a range of the tar each, and where in it the members are."""

    ranges: list[tuple[int, int]]
    extensions: list[tuple[str, ...]]
    offsets: list[list[int]]
    sizes: list[list[int]]

    def apply(self, blocks: Iterable[bytes]) -> Iterator[dict[str, bytes]]:
        """The members of each sample by extension, out of the bytes of its range."""
        for block, names, offsets, sizes in zip(blocks, self.extensions, self.offsets, self.sizes, strict=True):
            yield {
                name: block[offset : offset + size]
                for name, offset, size in zip(names, offsets, sizes, strict=True)
                if offset >= 0
            }


def places_of(table: pa.Table) -> Places:
    """Of the rows of a sidecar that are samples."""
    columns = [_codes(table, member) for member in MEMBERS]
    names = tuple(dict.fromkeys(name for _, found in columns for name in found))
    codes = [np.array([names.index(name) for name in found], np.uint8)[codes] for codes, found in columns]
    return Places(
        offsets=np.stack([_int64(table[f"{member}_offset"], -1) for member in MEMBERS], axis=1),
        sizes=np.stack([_int64(table[f"{member}_size"], 0) for member in MEMBERS], axis=1),
        extensions=np.stack(codes, axis=1),
        names=names,
    )


def _int64(column: Any, absent: int) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = pc.fill_null(column, absent).to_numpy().astype(np.int64)
    return numbers


def _codes(table: pa.Table, member: str) -> tuple[NDArray[np.int32], list[str]]:
    """(code of each row, what the codes mean)."""
    if member in _EXTENSIONS:
        return np.zeros(table.num_rows, np.int32), [_EXTENSIONS[member]]
    column: Any = pc.fill_null(table[f"{member}_extension"], "")  # type: ignore[type-var]  # the stubs know no string
    found = column.combine_chunks().dictionary_encode()
    return found.indices.to_numpy().astype(np.int32), found.dictionary.to_pylist() or [""]
