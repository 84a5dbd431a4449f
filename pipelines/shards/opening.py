"""Samples of a snapshot by uid: an index in memory, one read for each sample, raw bytes or decoded."""

import json
import os
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.decoding import decode_picture, decode_sound
from pipelines.shards.index import ShardIndex, build_index
from pipelines.shards.places import Cuts
from pipelines.shards.reading import read_members
from pipelines.shards.sidecar import MEMBERS

_BATCH = 256
_OPEN_TARS = 256
_SHARDS_IN_FLIGHT = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """One sample as arrays; what it lacks, or was not asked for, is None."""

    uid: str
    image: NDArray[np.uint8] | None
    """(height, width, 3), sRGB, on white where it was transparent."""
    audio: NDArray[np.float32] | None
    """(frames, channels), full scale is 1."""
    sample_rate_hz: int | None
    text: str | None
    json: Mapping[str, Any] | None


def open_snapshot(layout: Layout, snapshot: Snapshot) -> "OpenSnapshot":
    """A complete snapshot with its index; close it, or use it in a `with` block."""
    return OpenSnapshot(layout, snapshot, build_index(layout, snapshot))


class OpenSnapshot:
    """Random access to samples. May be shared by threads; picklable, so that every worker may have one."""

    def __init__(self, layout: Layout, snapshot: Snapshot, index: ShardIndex) -> None:
        self.layout = layout
        self.snapshot = snapshot
        self.index = index
        self._tars: OrderedDict[int, _Tar] = OrderedDict()

    def read_by_uid(
        self, uids: Iterable[str], *, members: Sequence[str] = MEMBERS
    ) -> Iterator[tuple[str, dict[str, bytes]]]:
        """(uid, member by extension) in the order asked for; uids may be a stream, some hundred are read ahead."""
        read = self._read_here if storage.is_local(self.layout.root) else self._read_there
        for some in _batched(uids):
            positions = self.index.find(some)
            cuts = self.index.places(positions).cuts(members)
            yield from zip(some, cuts.apply(read(self.index.shard[positions].tolist(), cuts)), strict=True)

    def decode_by_uid(self, uids: Iterable[str], *, members: Sequence[str] = MEMBERS) -> Iterator[Decoded]:
        """The same as arrays; `ShardError` names the sample that does not decode."""
        for uid, found in self.read_by_uid(uids, members=members):
            try:
                yield _decoded(uid, found)
            except ShardError as error:
                raise ShardError(
                    f"{self.snapshot}: sample {uid}: {error}, though it did when it was packed. Look for the damage "
                    "with: python -m pipelines verify."
                ) from error

    def close(self) -> None:
        """Give the open tars back."""
        self._tars.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tars": OrderedDict()}

    def _read_here(self, shards: Sequence[int], cuts: Cuts) -> Iterator[bytes]:
        """A `pread` each, out of tars that stay open."""
        for shard, (offset, size) in zip(shards, cuts.ranges, strict=True):
            tar = self._tars.get(shard) or self._opened(shard)
            data = os.pread(tar.descriptor, size, offset)
            if len(data) != size:
                raise ShardError(
                    f"{self.layout.tar(self.snapshot, shard)}: {len(data)} bytes at {offset}, the sidecar says {size}. "
                    "The tar is cut short. Run: python -m pipelines verify --repair."
                )
            yield data

    def _opened(self, shard: int) -> "_Tar":
        tar = self._tars[shard] = _Tar(self.layout.tar(self.snapshot, shard))
        while len(self._tars) > _OPEN_TARS:
            self._tars.popitem(last=False)
        return tar

    def _read_there(self, shards: Sequence[int], cuts: Cuts) -> Iterator[bytes]:
        """Shard by shard, several at a time, neighbours in one request."""
        wanted: dict[int, list[int]] = {}
        for position, shard in enumerate(shards):
            wanted.setdefault(shard, []).append(position)

        def fetch(shard: int) -> list[bytes]:
            ranges = [cuts.ranges[position] for position in wanted[shard]]
            return list(read_members(self.layout.tar(self.snapshot, shard), ranges))

        blocks: dict[int, bytes] = {}
        with ThreadPoolExecutor(min(_SHARDS_IN_FLIGHT, len(wanted))) as threads:
            for shard, found in zip(wanted, threads.map(fetch, wanted), strict=True):
                blocks.update(zip(wanted[shard], found, strict=True))
        return (blocks[position] for position in range(len(shards)))


class _Tar:
    """An open file that closes when nobody reads it any more: another thread may still do when it is put away."""

    def __init__(self, uri: str) -> None:
        try:
            self.descriptor = os.open(storage.local_path(uri), os.O_RDONLY)
        except FileNotFoundError as error:
            raise ShardError(f"{uri}: not there, though its stats are. Run: python -m pipelines verify.") from error
        weakref.finalize(self, os.close, self.descriptor)


def _batched(uids: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(uids)
    while some := list(islice(iterator, _BATCH)):
        yield some


def _decoded(uid: str, found: Mapping[str, bytes]) -> Decoded:
    image = next((data for name, data in found.items() if name in {"jpg", "png", "webp"}), None)
    audio, rate = decode_sound(found["flac"]) if "flac" in found else (None, None)
    return Decoded(
        uid=uid,
        image=np.asarray(decode_picture(image)[0]) if image is not None else None,
        audio=audio,
        sample_rate_hz=rate,
        text=found["txt"].decode() if "txt" in found else None,
        json=json.loads(found["json"]) if "json" in found else None,
    )
