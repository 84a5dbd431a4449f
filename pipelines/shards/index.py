"""From uid to shard and offsets, in memory: 62 bytes a sample, sorted arrays and no Python object for any of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.places import COLUMNS, Places, places_of
from pipelines.shards.sidecar import MEMBERS, SUCCESS
from pipelines.shards.snapshots import num_shards

_ABSENT = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardIndex:
    """The samples of a snapshot in the order of their uids."""

    what: str
    """Of what, for errors."""
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    """The two halves of the uid."""
    shard: NDArray[np.int32]
    start: NDArray[np.int64]
    """Where the first member of the sample begins in its tar."""
    offsets: NDArray[np.uint32]
    """(n, 4) from `start`; 2**32 - 1 where there is no such member."""
    sizes: NDArray[np.uint32]
    """(n, 4)."""
    extensions: NDArray[np.uint8]
    """(n, 2) of image and audio, positions in `names`."""
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.high)

    @property
    def num_bytes(self) -> int:
        """What the index takes in memory."""
        arrays = (self.high, self.low, self.shard, self.start, self.offsets, self.sizes, self.extensions)
        return sum(array.nbytes for array in arrays)

    def find(self, uids: Sequence[str]) -> NDArray[np.int64]:
        """The position of each uid; `ShardError` names the first that is not there."""
        high, low = _halves(uids, self.what)
        positions = np.searchsorted(self.high, high)
        last = len(self) - 1
        for number in np.nonzero(self.low[np.minimum(positions, last)] != low)[0] if len(self) else ():
            while positions[number] < last and self.high[positions[number] + 1] == high[number]:
                positions[number] += 1  # another sample with the same first half
                if self.low[positions[number]] == low[number]:
                    break
        found = np.minimum(positions, max(last, 0))
        wrong = (self.high[found] != high) | (self.low[found] != low) if len(self) else np.ones(len(high), bool)
        if wrong.any():
            uid = uids[int(np.argmax(wrong))]
            raise ShardError(f"{self.what}: has no sample {uid}. Look where it is with: python -m pipelines find.")
        return found

    def places(self, positions: NDArray[np.int64]) -> Places:
        """Where the samples at these positions lie."""
        offsets = self.offsets[positions]
        there = offsets != _ABSENT
        codes = np.broadcast_to(
            np.array([self.names.index(name) for name in ("txt", "json")], np.uint8), (len(positions), 2)
        )
        return Places(
            offsets=np.where(there, self.start[positions][:, None] + offsets, -1),
            sizes=np.where(there, self.sizes[positions], 0).astype(np.int64),
            extensions=np.concatenate([self.extensions[positions], codes], axis=1),
            names=self.names,
        )


def build_index(layout: Layout, snapshot: Snapshot, shards: Iterable[int] | None = None) -> ShardIndex:
    """Of a complete snapshot, or of some of its shards; reads the sidecars and no tar."""
    chosen = range(num_shards(layout, snapshot)) if shards is None else list(shards)
    names: dict[str, int] = {"txt": 0, "json": 1}
    tables = storage.read_many(
        lambda uri: storage.read_table(uri, ["uid", "status", *COLUMNS]),
        [layout.sidecar(snapshot, shard) for shard in chosen],
    )
    parts = [
        _part(layout.tar(snapshot, shard), shard, table, names) for shard, table in zip(chosen, tables, strict=True)
    ]
    columns = [np.concatenate(column) for column in zip(*(parts or [_columns_of_none()]), strict=True)]
    order = np.lexsort((columns[1], columns[0]))
    high, low, shard, start, offsets, sizes, extensions = (column[order] for column in columns)
    return ShardIndex(
        what=str(snapshot),
        high=high,
        low=low,
        shard=shard,
        start=start,
        offsets=offsets,
        sizes=sizes,
        extensions=extensions,
        names=tuple(names),
    )


def _part(tar: str, shard: int, table: pa.Table, names: dict[str, int]) -> tuple[NDArray[np.generic], ...]:
    table = table.filter(pc.field("status") == SUCCESS)
    places = places_of(table)
    there = places.offsets >= 0
    start = np.where(there, places.offsets, np.iinfo(np.int64).max).min(axis=1, initial=np.iinfo(np.int64).max)
    offsets = np.where(there, places.offsets - start[:, None], _ABSENT)
    if (offsets[there] >= _ABSENT).any() or (places.sizes >= _ABSENT).any():
        raise ShardError(f"{tar}: a sample of 4 GiB or more. Pack it in smaller records.")
    codes = np.array([names.setdefault(name, len(names)) for name in places.names], np.uint8)
    return (
        *_halves([str(uid) for uid in table["uid"].to_pylist()], tar),
        np.full(len(table), shard, np.int32),
        start,
        offsets.astype(np.uint32),
        places.sizes.astype(np.uint32),
        codes[places.extensions[:, : len(MEMBERS) // 2]],
    )


def _columns_of_none() -> tuple[NDArray[np.generic], ...]:
    kinds = (np.uint64, np.uint64, np.int32, np.int64)
    return (
        *(np.zeros(0, kind) for kind in kinds),
        np.zeros((0, 4), np.uint32),
        np.zeros((0, 4), np.uint32),
        np.zeros((0, 2), np.uint8),
    )


def _halves(uids: Sequence[str], what: str) -> list[NDArray[np.uint64]]:
    """The two 64-bit halves of each uid."""
    try:
        halves = np.frombuffer(bytes.fromhex("".join(uids)), ">u8").reshape(len(uids), 2)
    except (TypeError, ValueError) as error:
        bad = next((uid for uid in uids if not _is_uid(uid)), "")
        raise ShardError(f"{what}: {bad!r} is no uid. Expected 32 hexadecimal digits.") from error
    return [halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64)]


def _is_uid(text: object) -> bool:
    return isinstance(text, str) and len(text) == 32 and not set(text) - set("0123456789abcdef")
