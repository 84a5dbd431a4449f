"""One modality of a view: members by number, decoded on demand or out of an array that was decoded once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mmmodels.loading.decoded import DecodedArray, decoded_array
from mmmodels.loading.decoding import MediaConfig, decode_into, decoded_shape
from mmmodels.loading.members import Members, Shards, distinct_members, every_member
from mmmodels.loading.tars import Tars
from mmmodels.recipes import ModelConfig
from pipelines import storage
from pipelines.errors import SampleError
from pipelines.layout import Layout
from pipelines.samples import digest_of

MAX_CACHE_ROWS = 2_000_000
"""Above, media are not compared with each other: what is read is decoded when it is read."""


@dataclass(frozen=True, kw_only=True)
class Media:
    """The members of one modality, and which of them each row of the table has."""

    modality: str
    members: Members
    index: NDArray[np.int64]
    """(rows of the table,): number of the member, -1 where the sample lacks this modality."""
    config: MediaConfig
    tars: Tars
    decoded: DecodedArray | None
    """All members, in their order; None = decode on demand."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """uint8 (n, 3, H, W) or int16 (n, N) of those rows of the table; SampleError where one does not decode."""
        numbers = self.index[rows]
        if self.decoded is not None:
            return self.decoded.read(numbers)
        shape, dtype = self.shape_of(len(rows))
        array = np.empty(shape, dtype=dtype)
        for place, number in enumerate(numbers.tolist()):
            self.decode(number, array[place])
        return self.as_seen(array)

    def decode(self, number: int, into: NDArray[Any]) -> None:
        """One member from its tar into uint8 (H, W, 3) or int16 (N,); SampleError that names it if it is damaged."""
        members = self.members
        tar, offset = members.tars[members.tar[number]], int(members.offset[number])
        data = self.tars.read(tar, offset, int(members.size[number]))
        try:
            decode_into(data, into, self.config)
        except SampleError as error:
            raise SampleError(f"{tar} at {offset}: {error}") from error

    def shape_of(self, size: int) -> tuple[tuple[int, ...], str]:
        """Of so many media as they are decoded: uint8 (size, H, W, 3) or int16 (size, N)."""
        shape, dtype = decoded_shape(self.config)
        return (size, *shape), dtype

    def as_seen(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same memory with the channels in front, as a tensor has them."""
        return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array

    @cached_property
    def blank(self) -> NDArray[Any]:
        """As decoded: a black picture or silence."""
        shape, dtype = decoded_shape(self.config)
        return np.zeros(shape, dtype=dtype)


def blank(config: MediaConfig) -> NDArray[Any]:
    """Stands in for a medium that a sample lacks: a black picture (3, H, W) or silence (N,)."""
    shape, dtype = decoded_shape(config)
    array = np.zeros(shape, dtype=dtype)
    return array.transpose(2, 0, 1) if array.ndim == 3 else array


def open_media(
    table: pa.Table, shards: Shards, *, layout: Layout, config: ModelConfig, tars: Tars, num_workers: int
) -> dict[str, Media]:
    """Image and audio of a table, decoded into a cache under the root unless that is remote or they are too large."""
    found: dict[str, Media] = {}
    for modality, part in (("image", config.image), ("audio", config.audio)):
        members, index, decoded = None, None, None
        if storage.is_local(layout.root) and len(table) <= MAX_CACHE_ROWS:
            members, index, digests = distinct_members(table, modality, shards)
            name = digest_of([modality, digests, str(part)])[:32]
            decoded = decoded_array(
                layout.cache(f"decoded/{name}"), members, config=part, tars=tars, num_workers=num_workers
            )
        if members is None or index is None:
            members, index = every_member(table, modality, shards)
        found[modality] = Media(
            modality=modality, members=members, index=index, config=part, tars=tars, decoded=decoded
        )
    return found
