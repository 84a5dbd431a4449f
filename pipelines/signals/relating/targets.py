"""How near an image is to the images of a target task: NormSim of Wang et al. 2024 (arXiv 2405.19547, section 3.2).

NormSim_p(x) = || T f(x) ||_p, T the unit vectors of the target images and f(x) that of the image: for p = 2 the length
of its cosines with all of them, for p = infinity the largest.
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
from pipelines.signals.relating.arrays import Matrix, blocks, open_array, unit
from pipelines.signals.relating.relations import Place
from pipelines.signals.vectors import shard_vectors


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetsRelation:
    """Images to target images."""

    embeddings: str
    targets: str
    targets_sha256: str

    family = "targets"

    @property
    def facts(self) -> Mapping[str, str]:
        return {"embeddings": self.embeddings, "targets_sha256": self.targets_sha256}

    def measure(self, place: Place, samples: pa.Table) -> Mapping[str, "pa.Array[Any]"]:
        """Null where a sample has no image vector."""
        uri = place.layout.signal(self.embeddings, place.snapshot, place.shard)
        uids, vectors = shard_vectors(uri, Modality.IMAGE)
        targets = open_array(self.targets, embed_dim=vectors.shape[1])
        two, infinity = norm_sims(vectors, targets, _gram(self.targets))
        row = pc.index_in(samples["uid"].combine_chunks(), value_set=uids)
        return {"norm_sim_2": pa.array(two).take(row), "norm_sim_inf": pa.array(infinity).take(row)}


def targets_relation(embeddings: str, targets: str) -> TargetsRelation:
    """Looks into the file once: its digest, its shape."""
    open_array(targets, embed_dim=open_array(targets).shape[-1])
    return TargetsRelation(embeddings=embeddings, targets=targets, targets_sha256=storage.file_sha256(targets))


def norm_sims(
    vectors: NDArray[np.generic], targets: NDArray[np.generic], gram: NDArray[np.float64] | None = None
) -> tuple[Matrix, Matrix]:
    """NormSim for p = 2 and p = infinity of every vector; `gram` is T' T where it is known."""
    rows = unit(vectors)
    gram = _gram_of(targets) if gram is None else gram
    squares = np.einsum("nd,de,ne->n", rows.astype(np.float64), gram, rows.astype(np.float64), optimize=True)
    largest = np.zeros(len(rows), dtype=np.float32)
    for _, block in blocks(targets):
        np.maximum(largest, np.abs(rows @ unit(block).T).max(axis=1, initial=0), out=largest)
    return np.sqrt(np.maximum(squares, 0)).astype(np.float32), np.minimum(largest, 1)


def _gram_of(targets: NDArray[np.generic]) -> NDArray[np.float64]:
    gram = np.zeros((targets.shape[1], targets.shape[1]))
    for _, block in blocks(targets):
        rows = unit(block)
        gram += rows.T @ rows
    return gram


@lru_cache(maxsize=1)
def _gram(targets: str) -> NDArray[np.float64]:
    """(d, d), once in a process."""
    return _gram_of(open_array(targets))
