"""Whether two pictures look the same, asked of the pixels: only of the few pairs that a hash cannot tell apart."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_members
from pipelines.signals.decoding import decode_image

CELLS = 8
MAX_CELL_DIFFERENCE = 8
"""Of 255, of the mean colour of any cell. On drawings: resized copies differ by up to 4, JPEG copies of quality 90 by
4 (median) to 12, the flags of Saint Helena and of Tristan da Cunha by 27, a frowning and a pouting woman by 12."""
_PLACE = ("corpus", "snapshot", "shard", "image_offset", "image_size")


class Looks(Protocol):
    """Mean colours of pictures on a coarse grid."""

    def colours(self, image_sha256: Sequence[str]) -> NDArray[np.int16]:
        """(n, CELLS, CELLS, 3), 0 to 255."""
        ...


@dataclass(frozen=True, slots=True)
class ShardLooks:
    """Reads the pictures from the shards; `samples` has image_sha256 and where each lies (`_PLACE`)."""

    layout: Layout
    samples: pa.Table

    def colours(self, image_sha256: Sequence[str]) -> NDArray[np.int16]:
        found = dict(zip(image_sha256, self._where(image_sha256), strict=True))
        by_tar: dict[str, list[str]] = defaultdict(list)
        for image, (tar, _, _) in found.items():
            by_tar[tar].append(image)
        grids: dict[str, NDArray[np.int16]] = {}
        for tar, images in sorted(by_tar.items()):
            ranges = [found[image][1:] for image in images]
            members = read_members(tar, ranges)
            grids |= {image: grid_of(data) for image, data in zip(images, members, strict=True)}
        return np.stack([grids[image] for image in image_sha256])

    def _where(self, image_sha256: Sequence[str]) -> list[tuple[str, int, int]]:
        rows = {image: row for row, image in enumerate(self.samples["image_sha256"].to_pylist())}
        at = self.samples.select(list(_PLACE)).take([rows[image] for image in image_sha256])
        return [
            (self.layout.tar(Snapshot(corpus=corpus, snapshot=snapshot), shard), offset, size)
            for corpus, snapshot, shard, offset, size in (row.values() for row in at.to_pylist())
        ]


def grid_of(image: bytes) -> NDArray[np.int16]:
    """(CELLS, CELLS, 3) mean colours of one encoded picture."""
    small = Image.fromarray(decode_image(image).pixels).resize((CELLS, CELLS), Image.Resampling.BOX)
    return np.asarray(small).astype(np.int16)


def look_equal(looks: Looks, first: Sequence[str], second: Sequence[str]) -> NDArray[np.bool_]:
    """For pairs of image digests, whether no cell of the two differs visibly."""
    if not first:
        return np.zeros(0, dtype=bool)
    distinct = sorted({*first, *second})
    row = {image: number for number, image in enumerate(distinct)}
    colours = looks.colours(distinct)
    apart = np.abs(colours[[row[image] for image in first]] - colours[[row[image] for image in second]])
    equal: NDArray[np.bool_] = apart.max(axis=(1, 2, 3)) <= MAX_CELL_DIFFERENCE
    return equal
