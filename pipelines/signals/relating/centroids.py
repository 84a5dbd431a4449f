"""The nearest of given centroids, and whether target images have the same: DataComp's image-based baseline.

Gadre et al. 2023: 100,000 centroids of k-means over a pool's image vectors, and the vectors of ImageNet's training
images. Nearest is by dot product with the centroid as it is given, of the first where two are equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.samples import Modality
from pipelines.signals.relating.arrays import Matrix, blocks, open_array
from pipelines.signals.relating.relations import Place
from pipelines.signals.vectors import shard_vectors


@dataclass(frozen=True, kw_only=True, slots=True)
class CentroidsRelation:
    """Images to centroids."""

    embeddings: str
    centroids: str
    centroids_sha256: str
    targets: str = ""
    """Vectors (n, d) of target images, or the positions (n,) of their centroids; empty: none."""
    targets_sha256: str = ""

    family = "centroids"

    @property
    def facts(self) -> Mapping[str, str]:
        return {
            "embeddings": self.embeddings,
            "centroids_sha256": self.centroids_sha256,
            "targets_sha256": self.targets_sha256,
        }

    def measure(self, place: Place, samples: pa.Table) -> Mapping[str, "pa.Array[Any]"]:
        """Null where a sample has no image vector."""
        uri = place.layout.signal(self.embeddings, place.snapshot, place.shard)
        uids, vectors = shard_vectors(uri, Modality.IMAGE)
        centroids = open_array(self.centroids, embed_dim=vectors.shape[1])
        position, similarity = nearest(vectors, centroids)
        row = pc.index_in(samples["uid"].combine_chunks(), value_set=uids)
        is_target: pa.Array[Any] = pa.nulls(len(position), pa.bool_())
        if self.targets:
            is_target = pa.array(np.isin(position, target_centroids(self.targets, self.centroids)))
        return {
            "image_centroid": pa.array(position, pa.int32()).take(row),
            "image_centroid_similarity": pa.array(similarity, pa.float32()).take(row),
            "is_target_centroid": is_target.take(row),
        }


def centroids_relation(embeddings: str, centroids: str, targets: str = "") -> CentroidsRelation:
    """Looks into the files once: their digests, their shapes."""
    dim = open_array(centroids).shape[-1]
    if targets and open_array(targets).ndim == 2:
        open_array(targets, embed_dim=dim)
    return CentroidsRelation(
        embeddings=embeddings,
        centroids=centroids,
        centroids_sha256=storage.file_sha256(centroids),
        targets=targets,
        targets_sha256=storage.file_sha256(targets) if targets else "",
    )


@lru_cache(maxsize=1)
def target_centroids(targets: str, centroids: str) -> NDArray[np.int64]:
    """Positions of the centroids that are some target's nearest."""
    array = open_array(targets)
    if array.ndim == 1:
        return np.unique(array.astype(np.int64))
    every = open_array(centroids, embed_dim=array.shape[1])
    return np.unique(np.concatenate([nearest(rows, every)[0] for _, rows in blocks(array)]))


def nearest(vectors: NDArray[np.generic], centroids: NDArray[np.generic]) -> tuple[NDArray[np.int64], Matrix]:
    """Position of, and dot product with, the nearest centroid of every vector."""
    rows = np.asarray(vectors, dtype=np.float32)
    best = np.full(len(rows), -np.inf, dtype=np.float32)
    position = np.zeros(len(rows), dtype=np.int64)
    for start, block in blocks(centroids):
        products = rows @ block.T
        found = products.argmax(axis=1)
        value = products[np.arange(len(rows)), found]
        is_better = value > best
        best[is_better], position[is_better] = value[is_better], found[is_better] + start
    return position, best
