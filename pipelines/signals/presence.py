"""Which parts the samples of a shard have, and which part a column is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot
from pipelines.shards.reading import read_sidecar
from pipelines.shards.sidecar import SUCCESS
from pipelines.signals.schema import KNOWN_FAMILIES

_COLUMNS = ["uid", "status", "caption", "image_sha256", "audio_sha256"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The samples of one shard in source order."""

    uids: "pa.Array[Any]"
    has: Mapping[Modality, NDArray[np.bool_]]
    """By sample."""


def read_parts(layout: Layout, snapshot: Snapshot, shard: int) -> Parts:
    """From the sidecar alone."""
    rows = read_sidecar(layout, snapshot, shard, columns=_COLUMNS).filter(pc.field("status") == SUCCESS)
    return Parts(
        uids=rows["uid"].combine_chunks(),
        has={
            Modality.IMAGE: _true(pc.is_valid(rows["image_sha256"])),
            Modality.TEXT: _true(pc.not_equal(rows["caption"], pa.scalar(""))),
            Modality.AUDIO: _true(pc.is_valid(rows["audio_sha256"])),
        },
    )


def modality_of(family: str, column: str) -> Modality | None:
    """The part whose absence makes a column null; None where that is more than one."""
    known = KNOWN_FAMILIES.get(family.partition("@")[0])
    if known is None:
        return None
    own = column.partition("_")[0]
    return known.modality or (Modality(own) if own in set(Modality) else None)


def _true(mask: Any) -> NDArray[np.bool_]:
    """Null is false."""
    found: NDArray[np.bool_] = pc.fill_null(mask, pa.scalar(False)).to_numpy(zero_copy_only=False)
    return found
