"""The marker of a family: its digest over a snapshot, and from which tar each of its files was measured.

The files are named in it so that a snapshot that grows costs only what is new: what the marker knows is neither opened
nor read again, neither here nor by a later snapshot that holds the same shards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of

File = tuple[str, str]
"""sha256 of the tar, sha256 of the signal file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """What an earlier call finished; all of it empty where none did."""

    digest: str = ""
    tars: str = ""
    """Digest over the tars of the snapshot at that time."""
    settings: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[int, File] = field(default_factory=dict)
    """By shard."""

    def without(self, shards: Iterable[int]) -> "Marker":
        """Not finished any more, and without these files."""
        gone = set(shards)
        return Marker(files={shard: file for shard, file in self.files.items() if shard not in gone})


def read_marker(layout: Layout, key: str, snapshot: Snapshot) -> Marker:
    """Of a family that may not be there; a marker without files is one of an earlier release."""
    uri = layout.measured(key, snapshot)
    if not storage.exists(uri):
        return Marker()
    found = storage.read_json(uri)
    files = found.pop("files", [])
    assert isinstance(files, list)
    return Marker(
        digest=str(found.pop("digest", "")),
        tars=str(found.pop("tars", "")),
        settings={name: str(value) for name, value in found.items()},
        files={shard: _file(words) for shard, words in enumerate(files) if words},
    )


def write_marker(layout: Layout, key: str, snapshot: Snapshot, marker: Marker) -> None:
    """Whole or not at all."""
    last = max(marker.files, default=-1)
    files = [" ".join(marker.files.get(shard, ())) for shard in range(last + 1)]
    head = {"digest": marker.digest, "tars": marker.tars} if marker.digest else {}
    storage.write_json(layout.measured(key, snapshot), {**head, **marker.settings, "files": files})


def _file(words: str) -> File:
    tar, _, file = words.partition(" ")
    return tar, file


def family_digest(sha256s: Iterable[str]) -> str:
    """Over the names and content of a family's files, in the order of the shards."""
    return digest_of([(f"{shard:08d}.parquet", sha256) for shard, sha256 in enumerate(sha256s)])
