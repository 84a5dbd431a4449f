"""The signal files of a snapshot: which are there, whether they belong to the shards of today, and their digest."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.snapshots import num_shards, read_all_stats
from pipelines.signals.schema import KNOWN_FAMILIES, family_of

_TAR = "tar_sha256"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shards:
    """The shards of a complete snapshot as their stats tell them."""

    layout: Layout
    snapshot: Snapshot
    tars: tuple[str, ...]
    """sha256 of every tar, in order."""
    num_samples: int

    @property
    def digest(self) -> str:
        return digest_of(self.tars)

    def missing(self, key: str) -> list[int]:
        """Shards without a file of this family, or with one that was measured from another tar."""
        there = set(storage.names(self.layout.signals(key, self.snapshot), ".parquet"))
        return [shard for shard, tar in enumerate(self.tars) if not self._is_current(key, shard, tar, there)]

    def _is_current(self, key: str, shard: int, tar: str, there: set[str]) -> bool:
        uri = self.layout.signal(key, self.snapshot, shard)
        return uri.rsplit("/", 1)[-1] in there and _tar_of(uri) == tar

    def write(self, key: str, shard: int, table: pa.Table) -> None:
        """One family of one shard, whole or not at all, bound to the tar it was measured from."""
        write_signals(self.layout.signal(key, self.snapshot, shard), table, tar_sha256=self.tars[shard])

    def recall(self, key: str, **settings: str) -> str | None:
        """The digest of a family that an earlier call finished for these tars and settings; None where none did."""
        uri = self.layout.measured(key, self.snapshot)
        if not storage.exists(uri):
            return None
        marker = storage.read_json(uri)
        digest = str(marker.pop("digest", ""))
        num_files = len(storage.names(self.layout.signals(key, self.snapshot), ".parquet"))
        return digest if marker == {"tars": self.digest, **settings} and num_files == len(self.tars) else None

    def forget(self, key: str) -> None:
        """Before the files of a finished family change: a stop in between must not look finished."""
        uri = self.layout.measured(key, self.snapshot)
        if storage.exists(uri):
            storage.write_json(uri, {})

    def remember(self, key: str, **settings: str) -> str:
        """Call a family finished; returns its digest, over the names and content of its files."""
        folder = self.layout.signals(key, self.snapshot)
        files = [f"{shard:08d}.parquet" for shard in range(len(self.tars))]
        digest = digest_of([(name, storage.file_sha256(f"{folder}/{name}")) for name in files])
        storage.write_json(
            self.layout.measured(key, self.snapshot), {"digest": digest, "tars": self.digest, **settings}
        )
        return digest


def open_shards(layout: Layout, snapshot: Snapshot) -> Shards:
    """`ShardError` where the snapshot is absent or incomplete."""
    stats = read_all_stats(layout, snapshot, range(num_shards(layout, snapshot)))
    return Shards(
        layout=layout,
        snapshot=snapshot,
        tars=tuple(str(one[_TAR]) for one in stats),
        num_samples=sum(int(str(one["successes"])) for one in stats),
    )


def write_signals(uri: str, table: pa.Table, *, tar_sha256: str) -> None:
    """One signal file, whole or not at all, bound to the tar it was measured from."""
    storage.write_table(uri, table.replace_schema_metadata({_TAR: tar_sha256}))


def read_signals(layout: Layout, snapshot: Snapshot, families: Sequence[str]) -> pa.Table:
    """Families side by side, one row per sample in source order; `SignalError` where one was not measured.

    Families go by name (`image`) or by key (`image@1`, `alignment@0123456789ab`).
    """
    keys = [family_of(name).key if name.partition("@")[0] in KNOWN_FAMILIES else name for name in families]
    shards = range(num_shards(layout, snapshot))
    return pa.concat_tables([_side_by_side(layout, snapshot, shard, keys) for shard in shards])


def _side_by_side(layout: Layout, snapshot: Snapshot, shard: int, keys: Sequence[str]) -> pa.Table:
    tables = [_read(layout.signal(key, snapshot, shard)) for key in keys]
    joined = tables[0].select(["uid"])
    for key, table in zip(keys, tables, strict=True):
        if not table["uid"].equals(joined["uid"]):
            raise SignalError(
                f"{layout.signal(key, snapshot, shard)}: other samples than {keys[0]} of the same shard. Measure again."
            )
        for name in table.column_names[1:]:
            joined = joined.append_column(table.schema.field(name), table[name])
    return joined


def _read(uri: str) -> pa.Table:
    if not storage.exists(uri):
        raise SignalError(f"{uri}: not measured. Run: python -m pipelines measure, or score the snapshot.")
    return storage.read_table(uri).replace_schema_metadata(None)


def _tar_of(uri: str) -> str | None:
    """The tar a file was measured from; None where the file is not one of ours, which is measured again."""
    filesystem, path = storage.filesystem_of(uri)
    try:
        metadata = pq.read_schema(path, filesystem=filesystem).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None
    return metadata.get(_TAR.encode(), b"").decode()
