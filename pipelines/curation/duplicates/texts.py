"""Long captions that say nearly the same in nearly the same words, by MinHash (Broder 1997)."""

from collections.abc import Iterator
from math import ceil

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.curation.duplicates.components import Components, Links
from pipelines.curation.duplicates.settings import NearText
from pipelines.curation.duplicates.workspace import Workspace
from pipelines.curation.runs import Ends, Keys, mixed, pairs_sharing
from pipelines.signals.fingerprints import NUM_MINHASHES

MAX_RUN = 128
"""Different texts that agree in a band of which all pairs are compared; of more, each with as many others."""

_AT_ONCE = 1 << 16

Sketches = NDArray[np.uint32]


def text_components(workspace: Workspace, settings: NearText) -> tuple[Components, Sketches]:
    """Positions of texts in components (table `shown` says who says them), and the sketch at every position."""
    workspace.run("passages", params={"min_words": settings.min_words})
    workspace.run("shown_passages")
    (num_passages,) = workspace.columns("num_passages")
    sketches = workspace.array((int(num_passages[0]), NUM_MINHASHES), np.dtype(np.uint32))
    for batch in workspace.batches("passage_sketches"):
        values = pc.list_flatten(batch["text_minhash"]).to_numpy().reshape(-1, NUM_MINHASHES)
        sketches[batch["position"].to_numpy()] = values
    links = Links(len(sketches))
    links.extend(similar_sketches(sketches, settings.min_similarity, workspace))
    return links.components(max_steps=settings.max_steps), sketches


def similar_sketches(sketches: Sketches, min_similarity: float, workspace: Workspace) -> Iterator[Ends]:
    """Links of all whose estimated similarity is at least that; equal ones each with the first.

    Pigeonhole: of one band more than values may differ, similar sketches agree in a whole one. So no pair is missed,
    where bands that are tuned to a curve (b bands of r rows) miss some, except in runs longer than MAX_RUN.
    """
    least = ceil(min_similarity * NUM_MINHASHES)
    bands = np.array_split(np.arange(NUM_MINHASHES), NUM_MINHASHES - least + 1)
    keys = _band_keys(sketches, bands, workspace)
    firsts, first, copy = _equal(keys)
    yield first, copy
    for band_keys in keys[:-1]:
        for left, right in pairs_sharing(band_keys[firsts], max_run=MAX_RUN):
            for start in range(0, len(left), _AT_ONCE):
                part = slice(start, start + _AT_ONCE)
                one, other = firsts[left[part]], firsts[right[part]]
                alike = np.count_nonzero(sketches[one] == sketches[other], axis=1) >= least
                if alike.any():
                    yield one[alike], other[alike]


def similarities(sketches: Sketches, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Estimated Jaccard similarity, pair by pair."""
    alike: NDArray[np.float64] = np.count_nonzero(sketches[first] == sketches[second], axis=1) / NUM_MINHASHES
    return alike


def _band_keys(sketches: Sketches, bands: list[NDArray[np.int64]], workspace: Workspace) -> NDArray[np.uint64]:
    """(bands + 1, n): one number for each band of each sketch, and last one for all of it."""
    keys = workspace.array((len(bands) + 1, len(sketches)), np.dtype(np.uint64))
    for start in range(0, len(sketches), _AT_ONCE):
        values = sketches[start : start + _AT_ONCE].astype(np.uint64)
        whole = np.zeros(len(values), dtype=np.uint64)
        for number, band in enumerate(bands):
            code = np.full(len(values), number, dtype=np.uint64)
            for column in band:
                code = mixed(code ^ values[:, column])
            keys[number, start : start + _AT_ONCE] = code
            whole = mixed(whole ^ code)
        keys[-1, start : start + _AT_ONCE] = whole
    return keys


def _equal(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions that are the first of their kind, ascending; and of every copy (its first, itself)."""
    whole: Keys = np.asarray(keys[-1])
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    copies = np.flatnonzero(first[which] != np.arange(len(whole)))
    return np.sort(first), first[which[copies]], copies
