"""The signal files of a snapshot: which are there, whether they belong to the shards of today, and their digest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.snapshots import each_stats, num_shards
from pipelines.signals.markers import Marker, family_digest, read_marker, write_marker
from pipelines.signals.schema import KNOWN_FAMILIES, family_of

TAR = "tar_sha256"
"""In the metadata of a file: the tar it was measured from."""


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
        known = read_marker(self.layout, key, self.snapshot).files
        found = [shard for shard in range(len(self.tars)) if f"{shard:08d}.parquet" in there]
        unsure = [shard for shard in found if known.get(shard, ("",))[0] != self.tars[shard]]
        uris = (self.layout.signal(key, self.snapshot, shard) for shard in unsure)
        measured = dict(zip(unsure, storage.read_many(_tar_of, uris), strict=True))
        current = {shard for shard in found if measured.get(shard, self.tars[shard]) == self.tars[shard]}
        return [shard for shard in range(len(self.tars)) if shard not in current]

    def write(self, key: str, shard: int, table: pa.Table, *, facts: Mapping[str, str] | None = None) -> None:
        """One family of one shard, whole or not at all, bound to the tar it was measured from."""
        write_signals(self.layout.signal(key, self.snapshot, shard), table, tar_sha256=self.tars[shard], facts=facts)

    def recall(self, key: str, **settings: str) -> str | None:
        """The digest of a family that an earlier call finished for these tars and settings; None where none did."""
        marker = read_marker(self.layout, key, self.snapshot)
        if not marker.digest or (marker.tars, marker.settings) != (self.digest, settings):
            return None
        num_files = len(storage.names(self.layout.signals(key, self.snapshot), ".parquet"))
        return marker.digest if num_files == len(self.tars) else None

    def forget(self, key: str, shards: Iterable[int] | None = None) -> None:
        """Before files (of all shards, or of some) change: a stop in between must not look finished."""
        marker = read_marker(self.layout, key, self.snapshot)
        gone = list(marker.files) if shards is None else [shard for shard in shards if shard in marker.files]
        if gone or (shards is None and marker.digest):
            write_marker(self.layout, key, self.snapshot, marker.without(gone))

    def remember(self, key: str, *, written: Mapping[int, str] | None = None, **settings: str) -> str:
        """Call a family finished; returns its digest, over the names and content of its files.

        `written` is the sha256 of files that the caller knows; of others only those are read that no marker knows.
        """
        marker = read_marker(self.layout, key, self.snapshot)
        known = {shard: file for shard, (tar, file) in marker.files.items() if (tar,) == self.tars[shard : shard + 1]}
        known |= written or {}
        unknown = [shard for shard in range(len(self.tars)) if shard not in known]
        uris = (self.layout.signal(key, self.snapshot, shard) for shard in unknown)
        known |= dict(zip(unknown, storage.read_many(storage.file_sha256, uris), strict=True))
        files = {shard: (tar, known[shard]) for shard, tar in enumerate(self.tars)}
        digest = family_digest(file for _, file in files.values())
        finished = Marker(digest=digest, tars=self.digest, settings=settings, files=files)
        write_marker(self.layout, key, self.snapshot, finished)
        return digest


def open_shards(layout: Layout, snapshot: Snapshot) -> Shards:
    """`ShardError` where the snapshot is absent or incomplete."""
    every = each_stats(layout, snapshot, range(num_shards(layout, snapshot)))
    shards = [(str(stats[TAR]), int(str(stats["successes"]))) for stats in every]
    return Shards(
        layout=layout,
        snapshot=snapshot,
        tars=tuple(tar for tar, _ in shards),
        num_samples=sum(num_samples for _, num_samples in shards),
    )


def write_signals(uri: str, table: pa.Table, *, tar_sha256: str, facts: Mapping[str, str] | None = None) -> None:
    """One signal file, whole or not at all, bound to the tar it was measured from.

    `facts` goes into the file's metadata: what a reader must know of all its rows, such as the scoring model.
    """
    storage.write_table(uri, table.replace_schema_metadata({**(facts or {}), TAR: tar_sha256}))


def read_facts(uri: str) -> dict[str, str]:
    """The metadata of a signal file; empty where it is not one of ours or not there."""
    filesystem, path = storage.filesystem_of(uri)
    try:
        metadata = pq.read_schema(path, filesystem=filesystem).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return {}
    return {key.decode(): value.decode() for key, value in metadata.items() if not key.startswith(b"ARROW:")}


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
    return read_facts(uri).get(TAR)
