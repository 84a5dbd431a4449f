"""Images that are versions of one picture.

Near means near by perceptual hash; whether near images are *one thing* the group, the captions and the colours decide,
because flags, clock faces and arrows are near and mean different things. Duplicates are counted between distinct
images: one picture with many clips, languages or captions is many samples, none of them a duplicate.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.curation.duplicates.components import Components, Links
from pipelines.curation.duplicates.settings import NearImage
from pipelines.curation.duplicates.workspace import Workspace
from pipelines.curation.hamming import Hashes, distances, near_links
from pipelines.curation.runs import Ends

VARIANT_DISTANCE = 24
"""For images of one group whose caption extends the other's ("waving hand", "waving hand dark skin tone"): a dark
skin moves up to 22 bits, two unrelated pictures differ in 32 +- 4."""
MAX_RUN = 256
"""Different near hashes of one group or caption of which all pairs are compared; of more, each with as many others."""
MAX_CELL_DIFFERENCE = 8
"""Of 255, of the mean colour of any cell of an 8 x 8 grid. On drawings: resized copies differ by up to 4, JPEG copies
of quality 90 by 4 (median) to 12, the flags of Saint Helena and of Tristan da Cunha by 27, a frowning and a pouting
woman by 12."""

_COLOURS = 8 * 8 * 3
_PAIRS_AT_ONCE = 1 << 17


def image_components(workspace: Workspace, settings: NearImage) -> tuple[Components, Hashes]:
    """Positions of images in components (table `shown` says who shows them), and the hash at every position."""
    for name in ("images", "image_texts", "shown_images"):
        workspace.run(name)
    (hashes,) = workspace.columns("image_hashes")
    links = Links(len(hashes))
    for name in ("image_groups", "image_captions"):
        links.extend(_near_within(workspace.columns(name), hashes, settings.max_distance))
    first, second = workspace.columns("extended_captions")
    is_near = distances(hashes[first], hashes[second]) <= VARIANT_DISTANCE
    links.add(first[is_near], second[is_near])
    links.add(*_wordless(workspace))
    if settings.ignore_captions:
        links.extend(_looking_alike(workspace, near_links(hashes, settings.max_distance, max_run=MAX_RUN)))
    return links.components(max_steps=settings.max_steps), hashes


def _near_within(coded: tuple[NDArray[np.int64], ...], hashes: Hashes, max_distance: int) -> Iterator[Ends]:
    """Near images that share a code."""
    position, code = coded
    for first, second in near_links(hashes[position], max_distance, within=code.astype(np.uint64), max_run=MAX_RUN):
        yield position[first], position[second]


def _wordless(workspace: Workspace) -> Ends:
    """Each image that words say nothing about, with the first one that looks like it."""
    first, second, place = workspace.columns("wordless_images")
    alike = np.concatenate(
        [np.zeros(0, dtype=bool), *(_look_alike(workspace, *ends) for ends in _pieces((first, second)))]
    )
    first, second, place = first[alike], second[alike], place[alike]
    order = np.lexsort((place, second))
    _, chosen = np.unique(second[order], return_index=True)
    return first[order[chosen]], second[order[chosen]]


def _looking_alike(workspace: Workspace, pairs: Iterator[Ends]) -> Iterator[Ends]:
    for ends in pairs:
        for first, second in _pieces(ends):
            alike = _look_alike(workspace, first, second)
            yield first[alike], second[alike]


def _pieces(ends: Ends) -> Iterator[Ends]:
    for start in range(0, len(ends[0]), _PAIRS_AT_ONCE):
        yield ends[0][start : start + _PAIRS_AT_ONCE], ends[1][start : start + _PAIRS_AT_ONCE]


def _look_alike(workspace: Workspace, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether no cell of the two differs visibly; not where colours were not measured."""
    wanted = np.unique(np.concatenate([first, second])).astype(np.int32)
    stored = workspace.table("image_colours", wanted=pa.table({"position": wanted}))
    measured = stored["position"].to_numpy()
    colours = pc.list_flatten(stored["image_colours"]).to_numpy().reshape(len(measured), _COLOURS).astype(np.int16)
    alike = np.isin(first, measured) & np.isin(second, measured)
    ours, theirs = (colours[np.searchsorted(measured, ends[alike])] for ends in (first, second))
    alike[alike] = np.abs(ours - theirs).max(axis=1, initial=0) <= MAX_CELL_DIFFERENCE
    return alike
