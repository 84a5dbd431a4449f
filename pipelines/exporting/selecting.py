"""What is handed over: a complete snapshot, or what a view keeps of its snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.curation.splits import Split
from pipelines.curation.views import View
from pipelines.curation.withdrawing import withdrawn
from pipelines.errors import PolicyError, ShardError
from pipelines.exporting.kept import NO_SPLIT, Kept, uids_of
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.reading import read_sidecars
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import num_shards, snapshot_digest

Number = TypeVar("Number", np.int32, np.uint8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which samples of which shards."""

    layout: Layout
    snapshots: tuple[Snapshot, ...]
    name: str
    """Of the view as `view/digest`; of the snapshot where there is no view."""
    digest: str
    """Of the view less what was withdrawn since, or of the snapshot: another one where other samples are meant."""
    kept: Kept | None = None
    """Nothing where every sample is meant."""
    is_view: bool = False

    @property
    def target(self) -> Snapshot:
        """What these samples are called where they are shards of their own."""
        if self.kept is None:
            return self.snapshots[0]
        return Snapshot(corpus=self.name.partition("/")[0], snapshot=self.digest[:12])

    def shards(self) -> list[tuple[int, int]]:
        """(position of the snapshot, shard) of all its shards, in order."""
        return [
            (part, shard)
            for part, snapshot in enumerate(self.snapshots)
            for shard in range(num_shards(self.layout, snapshot))
        ]

    def of_snapshot(self, part: int) -> "Selection":
        """What is selected of one of them."""
        kept = None
        if self.kept is not None:
            kept = self.kept.at(self.kept.part == part)
            kept = replace(kept, part=np.zeros_like(kept.part))
        return replace(self, snapshots=(self.snapshots[part],), kept=kept)

    def of_splits(self, splits: Sequence[str]) -> "Selection":
        """Only these splits; `PolicyError` where nothing is left, or nobody has judged which split a sample is in."""
        if not splits:
            return self
        if self.kept is None or not self.is_view:
            raise PolicyError(f"--split {' '.join(splits)}: a split is told by a view. Name one with --view.")
        codes = [list(Split).index(Split(split)) for split in splits]
        kept = self.kept.at(np.isin(self.kept.split, codes))
        if not len(kept):
            raise PolicyError(f"view {self.name}: keeps no sample of {', '.join(splits)}. Name another --split.")
        return replace(self, kept=kept)


def whole_snapshot(layout: Layout, snapshot: Snapshot) -> Selection:
    """All samples of a complete snapshot but those that were withdrawn."""
    digest = snapshot_digest(layout, snapshot)
    selection = Selection(layout=layout, snapshots=(snapshot,), name=str(snapshot), digest=digest)
    gone = withdrawn(layout, [snapshot])["uid"]
    if not len(gone):
        return selection
    records = read_sidecars(layout, snapshot).select(["uid", "shard", "status"])
    records = records.filter(pc.field("status") == SUCCESS)
    records = records.filter(pc.invert(pc.is_in(records["uid"], value_set=gone.combine_chunks())))
    if not len(records):
        raise ShardError(
            f"{snapshot}: every sample is withdrawn, so there is nothing to hand over. Name another snapshot."
        )
    kept = Kept(
        part=np.zeros(len(records), np.int32),
        shard=records["shard"].to_numpy().astype(np.int32),
        uids=uids_of(records),
        split=np.full(len(records), NO_SPLIT, np.uint8),
        weight=np.ones(len(records), np.float32),
    )
    return replace(selection, digest=digest_of([digest, sorted(map(str, gone.to_pylist()))]), kept=kept)


def kept_by(view: View) -> Selection:
    """What a stored view keeps today."""
    verdicts = view.verdicts(["corpus", "snapshot", "shard", "uid", "kept", "split", "weight"])
    verdicts = verdicts.filter(verdicts["kept"])
    if not len(verdicts):
        raise PolicyError(
            f"view {view.view}/{view.digest[:12]}: keeps no sample, so there is nothing to hand over. "
            "Loosen its policy, or name another view."
        )
    return Selection(
        layout=view.layout,
        snapshots=view.snapshots,
        name=f"{view.view}/{view.digest}",
        digest=view.effective_digest,
        kept=Kept(
            part=_codes(verdicts["corpus"], [snapshot.corpus for snapshot in view.snapshots], np.int32),
            shard=verdicts["shard"].to_numpy().astype(np.int32),
            uids=uids_of(verdicts),
            split=_codes(verdicts["split"], [str(split) for split in Split], np.uint8),
            weight=verdicts["weight"].to_numpy().astype(np.float32),
        ),
        is_view=True,
    )


def _codes(column: "pa.ChunkedArray[Any]", names: Sequence[str], kind: type[Number]) -> NDArray[Number]:
    """The position of each name."""
    codes = np.zeros(len(column), kind)
    for code, name in enumerate(names):
        codes[pc.equal(column, pa.scalar(name)).to_numpy()] = code
    return codes


def absolute(uri: str) -> str:
    """A local path from the root of the file system; an object's URI as it is."""
    return str(storage.local_path(uri).resolve()) if storage.is_local(uri) else uri
