"""One pass over a tar: its digest, and whether every member is where the sidecar says."""

import hashlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.samples import sha256
from pipelines.shards.places import COLUMNS, places_of
from pipelines.shards.reading import read_members
from pipelines.shards.sidecar import MEMBERS, SUCCESS
from pipelines.shards.tar import BLOCK_BYTES, header


def scanned(uri: str, table: pa.Table) -> tuple[str, int, str]:
    """(sha256, bytes, the first member that is not where the sidecar says) of one pass over the tar."""
    expected = sorted(_headers(table))
    digest, position, rest, misplaced = hashlib.sha256(), 0, b"", ""
    coming = iter(expected)
    offset, block = next(coming, (-1, b""))
    for chunk in storage.read_chunks(uri):
        digest.update(chunk)
        data = rest + chunk if rest else chunk
        whole = len(data) // BLOCK_BYTES * BLOCK_BYTES
        while position <= offset < position + whole:
            at = offset - position
            if not misplaced and data[at : at + BLOCK_BYTES] != block:
                misplaced = f"{_name(block)} is not at {offset}, where its sidecar says."
            offset, block = next(coming, (-1, b""))
        position, rest = position + whole, data[whole:]
    if offset >= 0 and not misplaced:
        misplaced = f"{_name(block)} is not at {offset}, where its sidecar says: the tar ends before."
    return digest.hexdigest(), position + len(rest), misplaced


def _headers(table: pa.Table) -> Iterator[tuple[int, bytes]]:
    """(offset, the block that is to be there) of every member."""
    samples = table.select(["uid", "status", *COLUMNS]).filter(pc.field("status") == SUCCESS)
    places = places_of(samples)
    rows = zip(
        samples["uid"].to_pylist(),
        places.offsets.tolist(),
        places.sizes.tolist(),
        places.extensions.tolist(),
        strict=True,
    )
    for uid, offsets, sizes, codes in rows:
        for offset, size, code in zip(offsets, sizes, codes, strict=True):
            if offset >= 0:
                yield offset - BLOCK_BYTES, header(f"{uid}.{places.names[code]}", size)


def damaged_in(uri: str, table: pa.Table) -> str:
    """Which samples hold other media than they were packed with, where that can be told."""
    rows = table.select(
        ["uid", *(f"{part}_{what}" for part in ("image", "audio") for what in ("offset", "size", "sha256"))]
    )
    media = [
        (row["uid"], (row[f"{part}_offset"], row[f"{part}_size"]), row[f"{part}_sha256"])
        for row in rows.to_pylist()
        for part in ("image", "audio")
        if row[f"{part}_offset"] is not None
    ]
    bad: dict[str, None] = {}
    try:
        for (uid, _, digest), data in zip(media, read_members(uri, [place for _, place, _ in media]), strict=True):
            if sha256(data) != digest:
                bad[uid] = None
    except ShardError:
        return "It is cut short."
    return f"Damaged media: {len(bad)} of {len(rows)} samples, first {next(iter(bad))}." if bad else ""


def bytes_of_members(table: pa.Table) -> int:
    """What a tar of these samples takes: headers, filling and the two blocks at the end included."""
    columns = [table[f"{member}_size"].to_pylist() for member in MEMBERS]
    sizes: list[int] = [size for column in columns for size in column if size is not None]
    return sum(BLOCK_BYTES + -(-size // BLOCK_BYTES) * BLOCK_BYTES for size in sizes) + 2 * BLOCK_BYTES


def _name(block: bytes) -> str:
    return block[:100].rstrip(b"\0").decode()
