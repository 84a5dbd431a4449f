"""What is handed over: shards and the samples in them, as their sidecars and stats say; no tar is opened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import MEMBERS, SUCCESS
from pipelines.shards.snapshots import num_shards, read_stats
from pipelines.shards.tar import BLOCK_BYTES

_EXTENSIONS = {"text": "txt", "json": "json"}
_COLUMNS = (
    "uid",
    "status",
    "image_extension",
    "audio_extension",
    *(f"{member}_{what}" for member in MEMBERS for what in ("offset", "size")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """A complete snapshot, or what a view keeps of it."""

    layout: Layout
    snapshot: Snapshot
    splits: Mapping[str, str] | None = None
    """uid -> split of what a view keeps; nothing where the whole snapshot is meant."""

    def has(self, uid: str) -> bool:
        return self.splits is None or uid in self.splits


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedMember:
    """One file of a sample: what follows the key's dot, and where its bytes are in the tar."""

    extension: str
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedSample:
    """One sample as it lies in its tar."""

    uid: str
    parts: frozenset[str]
    """Of image, audio, text."""
    members: tuple[PackedMember, ...]
    """In the order of the tar."""

    @property
    def start(self) -> int:
        """Offset of its first header."""
        return self.members[0].offset - BLOCK_BYTES

    def has(self, *parts: str) -> bool:
        return self.parts.issuperset(parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedShard:
    """One tar that holds samples."""

    name: str
    uri: str
    num_bytes: int
    samples: tuple[PackedSample, ...]
    """All of them in the order of the tar, also those that a view drops."""

    @property
    def end(self) -> int:
        """Offset behind the last sample, where the two zero blocks begin."""
        return self.num_bytes - 2 * BLOCK_BYTES


def packed_shards(selection: Selection) -> Iterator[PackedShard]:
    """Shard by shard; those without any sample are left out, because several readers refuse an empty tar."""
    layout, snapshot = selection.layout, selection.snapshot
    for shard in range(num_shards(layout, snapshot)):
        samples = _samples(layout, snapshot, shard)
        if samples:
            uri = layout.tar(snapshot, shard)
            num_bytes = int(str(read_stats(layout, snapshot, shard)["tar_bytes"]))
            yield PackedShard(name=uri.rsplit("/", 1)[-1], uri=absolute(uri), num_bytes=num_bytes, samples=samples)


def absolute(uri: str) -> str:
    """A local path from the root of the file system; an object's URI as it is."""
    return str(storage.local_path(uri).resolve()) if storage.is_local(uri) else uri


def _samples(layout: Layout, snapshot: Snapshot, shard: int) -> tuple[PackedSample, ...]:
    table = read_sidecar(layout, snapshot, shard, list(_COLUMNS))
    rows = table.filter(pc.field("status") == SUCCESS).to_pylist()
    return tuple(sorted((_sample(row) for row in rows), key=lambda sample: sample.start))


def _sample(row: Mapping[str, object]) -> PackedSample:
    members, parts = [], set()
    for part in MEMBERS:
        offset, size = row[f"{part}_offset"], row[f"{part}_size"]
        if isinstance(offset, int) and isinstance(size, int):
            extension = _EXTENSIONS.get(part) or str(row[f"{part}_extension"])
            members.append(PackedMember(extension=extension, offset=offset, size=size))
            parts.add(part)
    members.sort(key=lambda member: member.offset)
    return PackedSample(uid=str(row["uid"]), parts=frozenset(parts), members=tuple(members))
