"""The kept samples of a view without their media: what a plan is made of. By columns, for ten million rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmmodels.loading.members import Shards, encoded, shards_of
from mmmodels.planning import Pool
from mmmodels.planning.pools import MAX_WEIGHT
from mmmodels.preparing.mixing import Mixture
from mmmodels.preparing.texts import Texts, one_of_each, spoken_texts
from pipelines.curation.splits import Split
from pipelines.layout import Layout
from pipelines.signals.folds import fold_column

COLUMNS = (
    *("uid", "corpus", "snapshot", "shard", "group", "split", "label", "caption", "language", "voice", "texts"),
    *("weight", "image_sha256", "image_offset", "image_size", "audio_sha256", "audio_offset", "audio_size"),
)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows are positions in the table."""

    table: pa.Table
    layout: Layout

    def column(self, name: str) -> list[Any]:
        """One column of the table as Python values."""
        return self.table[name].to_pylist()

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """(rows,): equal numbers show or say the same thing."""
        return encoded(self.table["group"])[1]

    @cached_property
    def images(self) -> NDArray[np.int64]:
        """(rows,): equal numbers are the same picture, -1 where there is none."""
        return encoded(self.table["image_sha256"])[1]

    @cached_property
    def shards(self) -> Shards:
        """Where each row is stored."""
        return shards_of(self.table, self.layout)

    @cached_property
    def weights(self) -> NDArray[np.float64] | None:
        """(rows,): expected readings in an epoch; None where each is read once."""
        weights = self.table["weight"].to_numpy().astype(np.float64)
        return None if np.all(weights == 1) else np.clip(weights, 0, MAX_WEIGHT)

    @cached_property
    def distinct(self) -> Texts:
        """All distinct texts; entries of a pool name them by number."""
        return Texts.of(self.table)

    @property
    def texts(self) -> tuple[str, ...]:
        """The same as Python strings."""
        return tuple(self.distinct.array.to_pylist())

    @cached_property
    def captions(self) -> NDArray[np.int64]:
        """(rows,): number of the primary caption, -1 where there is none."""
        return self.distinct.numbers_of(self.table["caption"])

    def has(self, modality: str) -> NDArray[np.bool_]:
        """(rows,): whether the sample has it."""
        return self.captions >= 0 if modality == "text" else np.asarray(pc.is_valid(self.table[f"{modality}_offset"]))

    def in_split(self, *splits: Split) -> NDArray[np.bool_]:
        """(rows,): whether the sample is in one of them."""
        return np.asarray(pc.is_in(self.table["split"], value_set=pa.array([str(split) for split in splits])))

    def image_texts(self) -> Pool:
        """Every distinct (image, text in a language) that may be trained on, over all languages of the samples."""
        spoken = spoken_texts(self.table)
        chosen = one_of_each(spoken, spoken.may_be_trained_on, self.images)
        numbers = self.distinct.numbers_of(spoken.text.take(pa.array(chosen)))
        return self.pool_of(np.stack([spoken.row[chosen], numbers], axis=1))

    def pool(self, chosen: NDArray[np.bool_]) -> Pool:
        """The chosen rows, each with its primary caption."""
        rows = np.flatnonzero(chosen)
        return self.pool_of(np.stack([rows, self.captions[rows]], axis=1))

    def pool_of(self, entries: Any) -> Pool:
        """A pool over entries (row, text number), in order of their rows."""
        array = np.array(entries, dtype=np.int64).reshape(-1, 2)
        rows = array[:, 0]
        return Pool(
            entries=array,
            groups=self.groups[rows],
            shards=self.shards.of_row[rows].astype(np.int64),
            weights=self.weights[rows] if self.weights is not None else None,
        )


def open_rows(mixture: Mixture, *, without_fold: int = -1, columns: Sequence[str] = ()) -> Rows:
    """The samples of views, less those of `without_fold`; with more of the view's columns than `COLUMNS`."""
    table = mixture.table([*COLUMNS, *(name for name in columns if name not in COLUMNS)])
    if without_fold >= 0:
        table = table.filter(pa.array(fold_column(table["group"]) != without_fold))
    return Rows(table=table, layout=mixture.layout)
