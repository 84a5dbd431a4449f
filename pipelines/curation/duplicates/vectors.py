"""Things whose stored vectors by one model nearly agree: pictures, captions or clips."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.curation.duplicates.cells import Cells, Vectors, cosines, find_cells, similar_pairs
from pipelines.curation.duplicates.components import Components, Links
from pipelines.curation.duplicates.settings import Semantic
from pipelines.curation.duplicates.workspace import Workspace
from pipelines.progress import track
from pipelines.signals.embeddings import FOLDS
from pipelines.signals.files import read_facts
from pipelines.signals.folds import NUM_FOLDS
from pipelines.signals.vectors import iterate_vectors

Positions = NDArray[np.int64]

_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """The vectors of one model."""

    vectors: Vectors
    things: Positions
    """The position of each in the table `things`, ascending."""

    def similarities(self, first: Positions, second: Positions) -> NDArray[np.float32]:
        """Of things, pair by pair."""
        return cosines(self.vectors, np.searchsorted(self.things, first), np.searchsorted(self.things, second))


def semantic_components(workspace: Workspace, settings: Semantic) -> Iterator[tuple[Components, Space]]:
    """Positions of things in components (table `shown` says who shows them), and their vectors.

    One of each space: the halves of a cross-fitted family are of two models and have nothing to say to each other.
    """
    workspace.run("things", params={"modality": str(settings.modality)})
    workspace.run("shown_things", params={"modality": str(settings.modality)})
    for fold in _folds(workspace, settings.family):
        space = _read(workspace, settings, fold)
        if len(space.things):
            yield _components(space, settings), space


def _components(space: Space, settings: Semantic) -> Components:
    cells = find_cells(space.vectors, settings.num_clusters)
    order = _order(cells, settings.keep)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    links = Links(len(order))
    for first, second in similar_pairs(space.vectors, cells, settings.min_similarity):
        links.add(place[first], place[second])
    found = links.components(max_steps=settings.max_steps)
    return replace(found, position=space.things[order[found.position]], best=space.things[order[found.best]])


def _order(cells: Cells, keep: str) -> Positions:
    """Rows of a space, the best to keep first; equal ones in the order of the table."""
    if keep == "plain":
        return np.arange(len(cells.similarity))
    return np.argsort(-cells.similarity if keep == "central" else cells.similarity, kind="stable")


def _folds(workspace: Workspace, family: str) -> tuple[int | None, ...]:
    """None where one model scored all."""
    uris = (workspace.layout.signal(family, snapshot, 0) for snapshot in workspace.snapshots)
    return tuple(range(NUM_FOLDS)) if any(FOLDS in read_facts(uri) for uri in uris) else (None,)


def _read(workspace: Workspace, settings: Semantic, fold: int | None) -> Space:
    """Every thing's vector at its place, on disk; then without the places of things that have none."""
    (count,) = workspace.columns("num_things")
    vectors, there = np.zeros((0, 1), dtype=np.float16), np.zeros(int(count[0]), dtype=bool)
    for things, found in _shards(workspace, settings, fold):
        if not len(vectors):
            vectors = workspace.array((len(there), found.shape[1]), np.dtype(np.float16))
        vectors[things] = found
        there[things] = True
    things = np.flatnonzero(there)
    if len(things) in (0, len(there)):
        return Space(vectors=vectors, things=things)
    compact = workspace.array((len(things), vectors.shape[1]), np.dtype(np.float16))
    for start in range(0, len(things), _ROWS_AT_ONCE):
        compact[start : start + _ROWS_AT_ONCE] = vectors[things[start : start + _ROWS_AT_ONCE]]
    return Space(vectors=compact, things=things)


def _shards(workspace: Workspace, settings: Semantic, fold: int | None) -> Iterator[tuple[Positions, Vectors]]:
    """(things, their vectors) of each shard: of a thing that many samples show, the vector of one."""
    for part, snapshot in enumerate(workspace.snapshots):
        shards = iterate_vectors(workspace.layout, snapshot, settings.family, settings.modality, fold=fold)
        for shard, (uids, vectors) in enumerate(track(shards, total=None, what="duplicates: read vectors")):
            wanted = workspace.table("things_of_shard", params={"part": part, "shard": shard})
            row = pc.index_in(wanted["uid"], value_set=uids)
            has_one = row.is_valid().to_numpy()
            if has_one.any():
                rows = row.drop_null().to_numpy()
                yield wanted["position"].to_numpy()[has_one].astype(np.int64), vectors[rows]
