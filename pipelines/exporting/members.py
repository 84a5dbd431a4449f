"""Where the members of samples lie with their headers, and what of a sample they are."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.samples import Modality
from pipelines.shards.places import places_of
from pipelines.shards.sidecar import MEMBERS
from pipelines.shards.tar import BLOCK_BYTES


def members_of(samples: pa.Table, only: Sequence[str] = ()) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(where the header of each member begins, its bytes with header and filling) of some rows of a sidecar, (n, 4) in
    the order of MEMBERS; no bytes where a sample has no such member, or it is of none of the modalities in `only`."""
    places = places_of(samples)
    asked = [not only or member in (*only, "json") for member in MEMBERS]
    sizes = BLOCK_BYTES + places.sizes + -places.sizes % BLOCK_BYTES
    return places.offsets - BLOCK_BYTES, np.where((places.offsets >= 0) & asked, sizes, 0)


def modalities_of(sizes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Bits in the order of `Modality`."""
    bits = np.zeros(len(sizes), np.uint8)
    for bit, part in enumerate(Modality):
        bits |= (sizes[:, MEMBERS.index(part)] > 0).astype(np.uint8) << np.uint8(bit)
    return bits


def names_of(parts: int) -> tuple[str, ...]:
    """The modalities that bits stand for."""
    return tuple(str(part) for bit, part in enumerate(Modality) if parts >> bit & 1)
