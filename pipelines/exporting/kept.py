"""Which samples are kept, as arrays: no Python object for any of them, and nothing that a worker would wait for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.errors import ShardError

NO_SPLIT = 255
_ROWS = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Samples in the order of snapshot and shard, 29 bytes each."""

    part: NDArray[np.int32]
    """Position of the snapshot."""
    shard: NDArray[np.int32]
    uids: NDArray[np.void]
    """16 bytes each."""
    split: NDArray[np.uint8]
    """Position in `Split`; NO_SPLIT where nobody judged it."""
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.uids)

    def at(self, chosen: "slice | NDArray[np.bool_]") -> "Kept":
        """Some of them."""
        return Kept(
            part=self.part[chosen],
            shard=self.shard[chosen],
            uids=self.uids[chosen],
            split=self.split[chosen],
            weight=self.weight[chosen],
        )

    def of_shard(self, part: int, shard: int) -> "Kept":
        first, last = np.searchsorted(self.part, [part, part + 1])
        start, end = first + np.searchsorted(self.shard[first:last], [shard, shard + 1])
        return self.at(slice(int(start), int(end)))


def uids_of(table: pa.Table) -> NDArray[np.void]:
    """16 bytes each of the column `uid`; `ShardError` for what is none, so that no file is ever named by it."""
    found = np.empty(len(table), "V16")
    at = 0
    for batch in table.select(["uid"]).to_batches(max_chunksize=_ROWS):
        uids: Any = batch.column(0).fill_null("")  # the stubs know no column of strings
        if not pc.all(pc.match_substring_regex(uids, "^[0-9a-f]{32}$")).as_py():
            raise ShardError("a uid is not 32 hexadecimal digits. Run: python -m pipelines verify.")
        found[at : at + len(uids)] = np.frombuffer(bytes.fromhex("".join(uids.to_pylist())), "V16")
        at += len(uids)
    return found
