"""Samples that are there twice: exact copies, and images that are versions of one picture.

Near means near by perceptual hash; whether near images are *one thing* the group, the captions and the pixels decide,
because flags, clock faces and arrows are near and mean different things. Duplicates are counted between distinct
images: one picture with many clips, languages or captions is many samples, none of them a duplicate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipelines import storage
from pipelines.curation.hamming import distances, near_pairs
from pipelines.curation.looks import Looks, ShardLooks, look_equal
from pipelines.curation.pool import FINGERPRINTS, read_pool, signal_digest, unmeasured_message
from pipelines.curation.queries import run_sql
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.signals.files import open_shards

Ends = tuple[NDArray[np.int64], NDArray[np.int64]]

VERSION = 1
"""Raised when equal inputs would give other duplicates; part of the digest."""
NEAR_DISTANCE = 4
"""Of 64 bits: re-encoded, resized, recoloured versions of one picture."""
VARIANT_DISTANCE = 24
"""For images of one group whose caption extends the other's ("waving hand", "waving hand dark skin tone"): a dark
skin moves up to 22 bits, two unrelated pictures differ in 32 +- 4."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicatesReport:
    """Where the duplicates of a pool are, and how many."""

    digest: str
    uri: str
    num_components: int
    num_duplicates: int
    """Samples that are not the best of their component."""
    num_by_kind: Mapping[str, int]


def find_duplicates(
    layout: Layout, snapshots: Sequence[Snapshot], *, allow_not_measured: bool = False
) -> DuplicatesReport:
    """Find them once for equal shards and fingerprints; `SignalError` where fingerprints are missing."""
    pool_shards = [open_shards(layout, snapshot) for snapshot in snapshots]
    inputs = {
        "shards": [one.digest for one in pool_shards],
        "signals": [signal_digest(one, FINGERPRINTS.key) for one in pool_shards],
    }
    digest = digest_of({"version": VERSION, "allow_not_measured": allow_not_measured, **inputs})
    uri = layout.duplicates(digest)
    if not storage.exists(uri):
        pool = read_pool(layout, snapshots, {FINGERPRINTS.key: FINGERPRINTS}, frozenset())
        if pool.unmeasured and not allow_not_measured:
            raise SignalError(unmeasured_message(pool, layout))
        texts = run_sql("texts", samples=pool.samples)
        storage.write_table(uri, duplicates_of(pool.samples, texts, ShardLooks(layout, pool.samples)))
    counts = run_sql("duplicate_counts", duplicates=storage.read_table(uri)).to_pylist()
    return DuplicatesReport(
        digest=digest,
        uri=uri,
        num_components=sum(row["num_components"] for row in counts),
        num_duplicates=sum(row["num_duplicates"] for row in counts),
        num_by_kind={row["kind"]: row["num_duplicates"] for row in counts},
    )


def duplicates_of(samples: pa.Table, texts: pa.Table, looks: Looks) -> pa.Table:
    """One row for each sample in a component: uid, kind (exact | near), component, rank, is_best (rank 0).

    `samples`: uid, image_sha256, audio_sha256, language, caption, texts, width, height, image_phash;
    `texts`: what texts.sql makes of them.
    """
    exact = run_sql("exact_duplicates", samples=samples)
    images = run_sql("images", samples=samples)
    components = _components(len(images), _links(samples, texts, images, looks))
    near = run_sql("near_duplicates", samples=samples, images=images, components=components)
    parts = [
        table.append_column("kind", pa.repeat(kind, len(table))) for kind, table in (("exact", exact), ("near", near))
    ]
    return run_sql("duplicates", parts=pa.concat_tables(parts))


def _links(samples: pa.Table, texts: pa.Table, images: pa.Table, looks: Looks) -> Ends:
    """Pairs of images (positions) that are versions of one thing."""
    hashes = images["image_phash"].to_numpy()
    first, second, _ = near_pairs(hashes, NEAR_DISTANCE)
    pairs = pa.table({"first": first, "second": second})
    judged = run_sql("image_links", pairs=pairs, images=images, samples=samples, texts=texts)
    undecided = _ends(judged.filter(pc.field("is_related") == pa.scalar(False)))
    ends = (
        _ends(judged.filter(pc.field("is_related"))),
        _near(_ends(run_sql("extended_captions", images=images, texts=texts)), hashes, VARIANT_DISTANCE),
        _alike(_near(undecided, hashes, 0), images, looks),
    )
    return np.concatenate([end[0] for end in ends]), np.concatenate([end[1] for end in ends])


def _near(pairs: Ends, hashes: NDArray[np.uint64], max_distance: int) -> Ends:
    is_near = distances(hashes[pairs[0]], hashes[pairs[1]]) <= max_distance
    return pairs[0][is_near], pairs[1][is_near]


def _alike(pairs: Ends, images: pa.Table, looks: Looks) -> Ends:
    digests = np.array(images["image_sha256"].to_pylist(), dtype=object)
    alike = look_equal(looks, digests[pairs[0]].tolist(), digests[pairs[1]].tolist())
    return pairs[0][alike], pairs[1][alike]


def _ends(pairs: pa.Table) -> Ends:
    return pairs["first"].to_numpy().astype(np.int64), pairs["second"].to_numpy().astype(np.int64)


def _components(num_images: int, links: Ends) -> pa.Table:
    """Images that hang together (position, component); those that stand alone are left out."""
    graph = coo_array((np.ones(len(links[0]), dtype=np.int8), links), shape=(num_images, num_images))
    _, labels = connected_components(graph, directed=False)
    position = np.flatnonzero(np.bincount(labels)[labels] > 1) if num_images else np.zeros(0, dtype=np.int64)
    return pa.table({"position": position.astype(np.int32), "component": labels[position].astype(np.int32)})
