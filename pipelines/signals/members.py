"""The members of one shard by modality: each different one once, however many samples share it."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.errors import ShardError, SignalError
from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot
from pipelines.shards.reading import read_members, read_sidecar
from pipelines.shards.sidecar import SUCCESS
from pipelines.signals.decoding import decode_audio, decode_image
from pipelines.signals.text import Caption

_BATCH_MEMBERS = 32  # few enough to stay in the processor's cache
_BATCH_BYTES = 64 << 20
_COLUMNS = {
    Modality.IMAGE: ["uid", "image_sha256", "image_offset", "image_size"],
    Modality.TEXT: ["uid", "caption", "language"],
    Modality.AUDIO: ["uid", "audio_sha256", "audio_offset", "audio_size"],
}
_DECODERS: dict[Modality, Callable[[bytes], Any]] = {Modality.IMAGE: decode_image, Modality.AUDIO: decode_audio}


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """The different members of one modality in a shard, in order of first use."""

    modality: Modality
    uids: list[str]
    """The first sample that has each."""
    content: Sequence[Any]
    """(offset, size) in the tar, or a Caption."""
    of_sample: NDArray[np.int64]
    """For every sample of the shard the position of its member; -1 where it has none."""
    tar: str

    def read(self) -> Iterator[Any]:
        """Stored bytes, or Captions."""
        return iter(self.content) if self.modality is Modality.TEXT else read_members(self.tar, self.content)

    def batches(self) -> Iterator[list[Any]]:
        """Decoded members, bounded in number and bytes; `SignalError` names the sample whose member is bad."""
        batch: list[Any] = []
        num_bytes = 0
        for uid, member in zip(self.uids, self.read(), strict=True):
            decoded = self._decode(uid, member)
            batch.append(decoded)
            num_bytes += getattr(decoded, "num_bytes", 0)
            if len(batch) == _BATCH_MEMBERS or num_bytes >= _BATCH_BYTES:
                yield batch
                batch, num_bytes = [], 0
        if batch:
            yield batch

    def _decode(self, uid: str, member: Any) -> Any:
        if self.modality is Modality.TEXT:
            return member
        try:
            return _DECODERS[self.modality](member)
        except SignalError as error:
            raise SignalError(
                f"{self.tar}: sample {uid}: {error}, though it did when it was packed. Look for the damage with: "
                "python -m pipelines verify. Then remove the shard's _stats.json and pack again."
            ) from error


def read_samples(layout: Layout, snapshot: Snapshot, shard: int) -> pa.Table:
    """The sidecar rows of the samples of one shard, in source order, failures left out."""
    return read_sidecar(layout, snapshot, shard).filter(pc.field("status") == SUCCESS)


def members_of(samples: pa.Table, modality: Modality, *, tar: str) -> Members:
    """Group by content: the sha256 of what is stored, or the caption with its language."""
    rows = samples.select(_COLUMNS[modality]).to_pylist()
    position: dict[Hashable, int] = {}
    first: list[dict[str, Any]] = []
    of_sample = np.full(len(rows), -1, dtype=np.int64)
    for number, row in enumerate(rows):
        identity = _identity(row, modality)
        if identity is not None:
            of_sample[number] = position.setdefault(identity, len(first))
            if len(position) > len(first):
                first.append(row)
    return Members(
        modality=modality,
        uids=[row["uid"] for row in first],
        content=[_content(row, modality, tar) for row in first],
        of_sample=of_sample,
        tar=tar,
    )


def _identity(row: Mapping[str, Any], modality: Modality) -> Hashable:
    """None where the sample has no such member."""
    if modality is Modality.TEXT:
        return (row["language"], row["caption"]) if row["caption"] else None
    return row[f"{modality}_sha256"]  # type: ignore[no-any-return]


def _content(row: Mapping[str, Any], modality: Modality, tar: str) -> tuple[int, int] | Caption:
    if modality is Modality.TEXT:
        return Caption(text=row["caption"], language=row["language"] or "und")
    offset, size = row[f"{modality}_offset"], row[f"{modality}_size"]
    if offset is None or size is None:
        raise ShardError(f"{tar}: sample {row['uid']}: its {modality} has no offset in the sidecar. Pack it again.")
    return offset, size
