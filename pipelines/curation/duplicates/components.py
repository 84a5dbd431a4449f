"""What hangs together: links between positions become components that a long chain does not run through.

Near is not transitive: of a chain of pictures, each near the next, the ends may have nothing in common, and in a large
pool such chains join thousands of things. So a component reaches at most `max_steps` links from its best member; what
lies beyond is looked at again by itself, from its own best member on. With one step everything that is dropped is near
the very sample that is kept for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from pipelines.curation.runs import Ends

MAX_LINKS = 1 << 24
"""Held at a time, within 1 GB. Beyond it they are thinned to the shortest ways from the best of each component."""

Positions = NDArray[np.int64]
_NOWHERE = -1
_ROUNDS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Components:
    """Positions of things that are one; things that stand alone are left out."""

    position: Positions
    """Ascending."""
    best: Positions
    """The smallest position of the component; says which component it is."""
    rank: NDArray[np.int32]
    """0 for the smallest position of its component, which is the best, and so on."""
    num_cut: int
    """Components that would have been larger without the limit on steps."""


class Links:
    """Links between 0 ... num_positions - 1 as they are found, in bounded memory."""

    def __init__(self, num_positions: int) -> None:
        self._num_positions = num_positions
        self._ends: list[Ends] = []
        self._num_links = 0

    def add(self, first: Positions, second: Positions) -> None:
        """(n,) and (n,) positions; either order, repeats allowed."""
        self._ends.append((first, second))
        self._num_links += len(first)
        if self._num_links > MAX_LINKS:
            self._ends = [_thinned(*self._joined())]
            self._num_links = len(self._ends[0][0])

    def extend(self, pieces: Iterable[Ends]) -> None:
        """Add each piece."""
        for first, second in pieces:
            self.add(first, second)

    def components(self, *, max_steps: int) -> Components:
        """What was linked, cut to `max_steps` links from the best."""
        linked, graph = _graph(*self._joined())
        root = _smallest_of(graph)
        label = _reached(graph, root, max_steps)
        num_cut = len(np.unique(root[label == _NOWHERE]))
        _take_beyond(graph, label, max_steps)
        return _ranked(linked, label, num_cut=num_cut)

    def _joined(self) -> Ends:
        nothing = np.zeros(0, dtype=np.int64)
        first, second = (np.concatenate([nothing, *(ends[side] for ends in self._ends)]) for side in (0, 1))
        assert len(first) == 0 or max(first.max(), second.max()) < self._num_positions
        return first, second


def _graph(first: Positions, second: Positions) -> tuple[Positions, csr_array]:
    """Positions that have a link, ascending, and the symmetric graph of their places in that list."""
    linked, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    one, other = places[: len(first)].astype(np.int32), places[len(first) :].astype(np.int32)
    ends = np.concatenate([one, other]), np.concatenate([other, one])
    graph = csr_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(len(linked), len(linked)))
    graph.sum_duplicates()
    return linked, graph


def _smallest_of(graph: csr_array) -> Positions:
    """For every place the smallest one of its component."""
    _, component = connected_components(graph, directed=False)
    _, first, which = np.unique(component, return_index=True, return_inverse=True)
    smallest: Positions = first[which]
    return smallest


def _thinned(first: Positions, second: Positions) -> Ends:
    """One shortest way from the best of each component to every other member, in place of all links."""
    linked, graph = _graph(first, second)
    root = _smallest_of(graph)
    above = len(linked)  # one more place, linked to all roots: one search finds the ways from every root
    roots = np.unique(root)
    coo = graph.tocoo()
    ends = np.concatenate([coo.coords[0], np.full(len(roots), above)]), np.concatenate([coo.coords[1], roots])
    rooted = csr_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(above + 1, above + 1))
    _, before = breadth_first_order(rooted, above, directed=True)
    inside = np.flatnonzero((before[:above] >= 0) & (before[:above] < above))
    return linked[before[inside]], linked[inside]


def _reached(graph: csr_array, root: Positions, max_steps: int) -> Positions:
    """The root of every place within `max_steps` of it, _NOWHERE for the others."""
    label = np.full(len(root), _NOWHERE, dtype=np.int64)
    front = np.unique(root)
    label[front] = front
    for _ in range(max_steps):
        front = _beside(graph, front, label)
        label[front] = root[front]
    return label


def _take_beyond(graph: csr_array, label: Positions, max_steps: int) -> None:
    """Label the places that have no label: the smallest one takes all free ones within reach, then the next.

    What is left falls apart into components that do not touch each other: one round takes the first of them all.
    """
    for _ in range(_ROUNDS):
        left = np.flatnonzero(label == _NOWHERE)
        if not len(left):
            return
        inside = graph[left][:, left]
        found = _reached(inside, _smallest_of(inside), max_steps)
        label[left] = np.where(found == _NOWHERE, _NOWHERE, left[found])
    left = np.flatnonzero(label == _NOWHERE)
    label[left] = left[_taken_in_turn(graph[left][:, left], max_steps)]


def _taken_in_turn(graph: csr_array, max_steps: int) -> Positions:
    """The same one place after the other, for chains of which every round would take a few links."""
    starts, ends = memoryview(graph.indptr), memoryview(graph.indices)
    taken = [_NOWHERE] * graph.shape[0]
    for place in range(len(taken)):
        if taken[place] != _NOWHERE:
            continue
        taken[place] = place
        front = [place]
        for _ in range(max_steps):
            beside = [near for one in front for near in ends[starts[one] : starts[one + 1]] if taken[near] == _NOWHERE]
            front = []
            for near in beside:
                if taken[near] == _NOWHERE:
                    taken[near] = place
                    front.append(near)
    return np.array(taken, dtype=np.int64)


def _beside(graph: csr_array, front: Positions, label: Positions) -> Positions:
    """Places without a label that a link joins to one in `front`."""
    starts, ends = graph.indptr[front], graph.indptr[front + 1]
    sizes = ends - starts
    offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    beside = graph.indices[np.repeat(starts, sizes) + offset]
    return np.unique(beside[label[beside] == _NOWHERE]).astype(np.int64)


def _ranked(linked: Positions, label: Positions, *, num_cut: int) -> Components:
    """Without the places that were cut off alone."""
    kept = np.flatnonzero(np.bincount(label, minlength=len(label))[label] > 1)
    order = kept[np.argsort(label[kept], kind="stable")]
    _, start, size = np.unique(label[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(start, size)
    by_position = np.argsort(order, kind="stable")
    place = order[by_position]
    return Components(
        position=linked[place],
        best=linked[label[place]],
        rank=rank[by_position].astype(np.int32),
        num_cut=num_cut,
    )
