"""negCLIPLoss of Wang et al. 2024 (arXiv 2405.19547, section 3.1): a pair's score less what it shares with others.

    negCLIPLoss(i) = s_ii - t/2 * mean over batches B that hold i of [ log sum_j exp(s_ij/t) + log sum_j exp(s_ji/t) ]

with s the cosines of images and texts of B and t the temperature of CLIP, 0.01. A pair whose image fits every text, or
whose text fits every image, scores high by cosine and low by this. The batches are random divisions of the pool.

One thing is ours: samples of one group (an image in four languages, say) are no negatives of each other, as they are
none in training. Where every group is one sample, as in a web crawl, it is the published formula.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot
from pipelines.signals.files import Shards, open_shards
from pipelines.signals.members import read_samples
from pipelines.signals.relating.arrays import Matrix, unit
from pipelines.signals.relating.relations import RelationReport, family_table, key_of
from pipelines.signals.vectors import shard_vectors

FAMILY = "batches"
_ROWS = 512
"""Of a batch at a time: 64 MB of cosines with 32,768 others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batches:
    """How the pool is divided; the defaults are those of the paper."""

    embeddings: str
    batch_size: int = 32_768
    num_divisions: int = 10
    temperature: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 2 or self.num_divisions < 1 or not 0 < self.temperature <= 1:
            raise SignalError(
                f"batches of {self.batch_size}, {self.num_divisions} divisions, temperature {self.temperature}: "
                "expected 2 or more, 1 or more, and over 0 to 1."
            )

    @property
    def facts(self) -> dict[str, str]:
        """They make the key."""
        return {
            "embeddings": self.embeddings,
            "batch_size": str(self.batch_size),
            "num_divisions": str(self.num_divisions),
            "temperature": repr(self.temperature),
            "seed": str(self.seed),
        }


def relate_batches(layout: Layout, snapshot: Snapshot, batches: Batches) -> RelationReport:
    """Over all of a snapshot at once: a shard more is another division, so all is computed anew."""
    start = time.monotonic()
    shards, facts = open_shards(layout, snapshot), batches.facts
    key = key_of(FAMILY, facts)
    known = shards.recall(key, **facts)
    if known is None:
        shards.forget(key)
        _write(shards, key, batches)
    return RelationReport(
        key=key,
        num_samples=shards.num_samples,
        num_shards_measured=0 if known else len(shards.tars),
        digest=known or shards.remember(key, written=None, **facts),
        seconds=time.monotonic() - start,
    )


def _write(shards: Shards, key: str, batches: Batches) -> None:
    codes: dict[str, int] = {}
    pairs = [_pairs(shards, shard, batches.embeddings, codes) for shard in range(len(shards.tars))]
    values = neg_clip_loss(
        np.concatenate([one.images for one in pairs]),
        np.concatenate([one.texts for one in pairs]),
        np.concatenate([one.groups for one in pairs]),
        batches,
    )
    start = 0
    for shard, one in enumerate(pairs):
        own = np.full(len(one.uids), np.nan, dtype=np.float32)
        own[one.rows] = values[start : start + len(one.rows)]
        start += len(one.rows)
        table = family_table(FAMILY, one.uids, {"neg_clip_loss": pa.array(own, mask=np.isnan(own))})
        shards.write(key, shard, table, facts=batches.facts)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pairs:
    """The samples of one shard that have both vectors."""

    uids: "pa.Array[Any]"
    """Of all its samples."""
    rows: NDArray[np.int64]
    """Which of them are pairs; the rest has one value for each of these."""
    images: NDArray[np.float16]
    texts: NDArray[np.float16]
    groups: NDArray[np.int64]


def _pairs(shards: Shards, shard: int, embeddings: str, codes: dict[str, int]) -> _Pairs:
    """`codes` of groups grow from shard to shard."""
    uri = shards.layout.signal(embeddings, shards.snapshot, shard)
    samples = read_samples(shards.layout, shards.snapshot, shard)
    uids = samples["uid"].combine_chunks()
    places, sides = [], []
    for modality in (Modality.IMAGE, Modality.TEXT):
        names, vectors = shard_vectors(uri, modality)
        places.append(pc.index_in(uids, value_set=names).fill_null(-1).to_numpy())
        sides.append(vectors)
    rows = np.flatnonzero((places[0] >= 0) & (places[1] >= 0))
    groups = samples["group"].to_pylist()
    return _Pairs(
        uids=uids,
        rows=rows,
        images=sides[0][places[0][rows]],
        texts=sides[1][places[1][rows]],
        groups=np.array([codes.setdefault(str(groups[row]), len(codes)) for row in rows], dtype=np.int64),
    )


def neg_clip_loss(
    images: NDArray[np.generic], texts: NDArray[np.generic], groups: NDArray[np.int64], batches: Batches
) -> Matrix:
    """One value a pair: (n, d) image vectors, (n, d) text vectors, (n,) codes of groups."""
    shared = np.zeros(len(images))
    divisions = list(_divisions(len(images), batches))
    for division in divisions:
        for batch in division:
            shared[batch] += _log_sums(unit(images[batch]), unit(texts[batch]), groups[batch], batches.temperature)
    own = np.einsum("nd,nd->n", unit(images), unit(texts))
    found: Matrix = (own - batches.temperature / 2 * shared / max(1, len(divisions))).astype(np.float32)
    return found


def _divisions(num_pairs: int, batches: Batches) -> Iterator[list[NDArray[np.int64]]]:
    """Random halves, thirds, ... of nearly equal size; one division where all fit one batch."""
    num_batches = -(-num_pairs // batches.batch_size)
    for number in range(batches.num_divisions if num_batches > 1 else min(1, num_pairs)):
        order = np.random.default_rng([batches.seed, number]).permutation(num_pairs)
        yield [np.sort(part) for part in np.array_split(order, num_batches)]


def _log_sums(images: Matrix, texts: Matrix, groups: NDArray[np.int64], temperature: float) -> NDArray[np.float64]:
    """Of each pair the log of the sums over its row and over its column, itself included and its group left out."""
    num = len(images)
    by_image, column = np.empty(num), np.zeros(num)
    top = np.full(num, -np.inf)
    for start in range(0, num, _ROWS):
        rows = np.arange(start, min(start + _ROWS, num))
        scaled = (images[rows] @ texts.T) / np.float32(temperature)
        is_other = groups[rows, None] != groups[None, :]
        is_other[np.arange(len(rows)), rows] = True
        scaled[~is_other] = -np.inf
        largest = scaled.max(axis=1)
        by_image[rows] = largest + np.log(np.exp(scaled - largest[:, None]).sum(axis=1, dtype=np.float64))
        highest = np.maximum(top, scaled.max(axis=0))
        is_seen = np.isfinite(highest)
        grown = np.exp(scaled[:, is_seen] - highest[is_seen].astype(np.float32)).sum(axis=0, dtype=np.float64)
        column[is_seen] = column[is_seen] * np.exp(top[is_seen] - highest[is_seen]) + grown
        top = highest
    found: NDArray[np.float64] = by_image + top + np.log(column)
    return found
