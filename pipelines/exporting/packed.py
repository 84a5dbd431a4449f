"""Shards and the samples in them, one by one, for formats that name them; no tar is opened."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow.compute as pc

from pipelines.errors import ShardError
from pipelines.exporting.kept import uids_of
from pipelines.exporting.selecting import Selection, absolute
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import MEMBERS, SUCCESS
from pipelines.shards.snapshots import read_stats
from pipelines.shards.tar import BLOCK_BYTES

_EXTENSIONS = {"text": "txt", "json": "json"}
_EXTENSION = re.compile("[a-z0-9]{1,8}")
_COLUMNS = (
    "uid",
    "status",
    "image_extension",
    "audio_extension",
    *(f"{member}_{what}" for member in MEMBERS for what in ("offset", "size")),
)


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
    is_kept: bool = True

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
    """Relative to the folder of the only snapshot, else to that of all shards."""
    uri: str
    num_bytes: int
    samples: tuple[PackedSample, ...]
    """All of them in the order of the tar, also those that are not kept."""

    def extensions(self) -> set[str]:
        """Of all members."""
        return {member.extension for sample in self.samples for member in sample.members}

    @property
    def end(self) -> int:
        """Offset behind the last sample, where the two zero blocks begin."""
        return self.num_bytes - 2 * BLOCK_BYTES


def packed_shards(selection: Selection) -> Iterator[PackedShard]:
    """Shard by shard; those without any sample are left out, because several readers refuse an empty tar."""
    is_alone = len(selection.snapshots) == 1
    for part, shard in selection.shards():
        snapshot = selection.snapshots[part]
        samples = _samples(selection, part, shard)
        if samples:
            uri = absolute(selection.layout.tar(snapshot, shard))
            num_bytes = int(str(read_stats(selection.layout, snapshot, shard)["tar_bytes"]))
            name = uri.rsplit("/", 1)[-1]
            yield PackedShard(
                name=name if is_alone else f"{snapshot}/{name}", uri=uri, num_bytes=num_bytes, samples=samples
            )


def _samples(selection: Selection, part: int, shard: int) -> tuple[PackedSample, ...]:
    table = read_sidecar(selection.layout, selection.snapshots[part], shard, list(_COLUMNS))
    table = table.filter(pc.field("status") == SUCCESS)
    kept = None if selection.kept is None else frozenset(selection.kept.of_shard(part, shard).uids.tolist())
    samples = (
        _sample(row, is_kept=kept is None or uid in kept)
        for row, uid in zip(table.to_pylist(), uids_of(table).tolist(), strict=True)
    )
    return tuple(sorted(samples, key=lambda sample: sample.start))


def _sample(row: Mapping[str, object], *, is_kept: bool) -> PackedSample:
    members, parts = [], set()
    for part in MEMBERS:
        offset, size = row[f"{part}_offset"], row[f"{part}_size"]
        if isinstance(offset, int) and isinstance(size, int):
            extension = _EXTENSIONS.get(part) or str(row[f"{part}_extension"])
            if not _EXTENSION.fullmatch(extension):
                raise ShardError(f"{row['uid']}: {extension!r} is no extension of a file. Pack that snapshot again.")
            members.append(PackedMember(extension=extension, offset=offset, size=size))
            parts.add(part)
    members.sort(key=lambda member: member.offset)
    return PackedSample(uid=str(row["uid"]), parts=frozenset(parts), members=tuple(members), is_kept=is_kept)
