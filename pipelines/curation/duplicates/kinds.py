"""One function for each kind of duplicates: from the tables of a workspace to the table `memberships`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.curation.duplicates import clips
from pipelines.curation.duplicates.components import Components
from pipelines.curation.duplicates.images import image_components
from pipelines.curation.duplicates.settings import Exact, Kind, NearAudio, NearImage, NearText, Semantic
from pipelines.curation.duplicates.texts import similarities, text_components
from pipelines.curation.duplicates.vectors import semantic_components
from pipelines.curation.duplicates.workspace import FINGERPRINTS, Workspace
from pipelines.curation.hamming import distances

_PAIRS_AT_ONCE = 1 << 16
_COLUMNS: Mapping[str, pa.DataType] = {
    "position": pa.int64(),
    "best": pa.int64(),
    "rank": pa.int32(),
    "similarity": pa.float32(),
}
_FOUND = pa.schema(_COLUMNS)

Positions = NDArray[np.int64]
Similarity = Callable[[Positions, Positions], NDArray[Any]]
"""How alike things at some positions are to those at others, pair by pair."""

_LISTS: Mapping[type[Kind], str] = {
    NearImage: "image_colours",
    NearText: "text_minhash",
    NearAudio: "audio_fingerprint",
}


def find_kind(workspace: Workspace, kind: Kind) -> int:
    """Make the table `memberships`; returns how many components the limit on steps made smaller."""
    return _FINDERS[type(kind)](workspace, kind)


def lists_of(kinds: Iterable[Kind]) -> set[str]:
    """The large columns that the workspace must have for them."""
    return {_LISTS[type(kind)] for kind in kinds if type(kind) in _LISTS}


def signals_of(kind: Kind) -> tuple[str, ...]:
    """The families that a kind compares."""
    if isinstance(kind, Semantic):
        return (kind.family,)
    return () if isinstance(kind, Exact) else (FINGERPRINTS.key,)


def _exact(workspace: Workspace, _: Kind) -> int:
    workspace.run("exact")
    return 0


def _near_image(workspace: Workspace, kind: NearImage) -> int:
    components, hashes = image_components(workspace, kind)
    return _write(workspace, components, lambda one, other: 1 - distances(hashes[one], hashes[other]) / 64)


def _near_text(workspace: Workspace, kind: NearText) -> int:
    components, sketches = text_components(workspace, kind)
    return _write(workspace, components, lambda one, other: similarities(sketches, one, other))


def _near_audio(workspace: Workspace, kind: NearAudio) -> int:
    components, found = clips.clip_components(workspace, kind)
    return _write(workspace, components, lambda one, other: clips.similarities(found, one, other))


def _semantic(workspace: Workspace, kind: Semantic) -> int:
    parts, num_cut = [], 0
    for components, space in semantic_components(workspace, kind):
        parts.append(_found(components, space.similarities))
        num_cut += components.num_cut
    workspace.run("near", found=pa.concat_tables([_FOUND.empty_table(), *parts]))
    return num_cut


def _write(workspace: Workspace, components: Components, similarity: Similarity) -> int:
    """Every sample that shows or says (table `shown`) what is in a component."""
    workspace.run("near", found=_found(components, similarity))
    return components.num_cut


def _found(components: Components, similarity: Similarity) -> pa.Table:
    """What is in a component, and how like the best of it."""
    alike = np.ones(len(components.position), dtype=np.float32)
    others = np.flatnonzero(components.rank)
    for start in range(0, len(others), _PAIRS_AT_ONCE):
        part = others[start : start + _PAIRS_AT_ONCE]
        alike[part] = similarity(components.position[part], components.best[part])
    columns = {"position": components.position, "best": components.best, "rank": components.rank, "similarity": alike}
    return pa.table(columns, schema=_FOUND)


_FINDERS: Mapping[type[Kind], Callable[..., int]] = {
    Exact: _exact,
    NearImage: _near_image,
    NearText: _near_text,
    NearAudio: _near_audio,
    Semantic: _semantic,
}
