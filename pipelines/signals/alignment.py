"""How well the sides of a sample fit each other, by the vectors of one model: three scores and their ranks."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.progress import track
from pipelines.samples import Modality, Snapshot, digest_of
from pipelines.signals.columns import SCORES
from pipelines.signals.files import Shards, open_shards
from pipelines.signals.members import Members, members_of, read_samples
from pipelines.signals.schema import alignment_family

_BATCH = 256
_UNIT_TOLERANCE = 1e-2  # bfloat16 vectors are that far from unit length
_SIDES = (
    (Modality.IMAGE, Modality.TEXT),
    (Modality.AUDIO, Modality.TEXT),
    (Modality.IMAGE, Modality.AUDIO),
)

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """A model that puts the three modalities into one space; `mmmodels` implements it."""

    @property
    def digest(self) -> str:
        """64 hex digits, of weights and config: names the family of its scores."""

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        """(n, d) unit vectors of stored JPEG, PNG or WebP."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """(n, d) unit vectors."""

    def embed_audio(self, clips: Sequence[bytes]) -> Vectors:
        """(n, d) unit vectors of stored FLAC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignmentReport:
    """The scores of one model over one snapshot."""

    key: str
    """The family, `alignment@` and 12 digits of the model's digest."""
    num_samples: int
    num_in_sample: int
    """Samples that the model was trained on: their scores flatter it."""
    num_shards_scored: int
    """By this call; 0 where everything was there."""
    seconds: float
    digest: str
    """sha256 over the names and content of the family's files."""


def score_alignment(
    layout: Layout, snapshot: Snapshot, encoder: Encoder, *, trained_on: frozenset[str]
) -> AlignmentReport:
    """Score the shards that lack scores of this model, then rank all of the snapshot within each source.

    `trained_on` holds the uids the model has seen; naming others ranks and labels anew without encoding anything.
    """
    start = time.monotonic()
    key, _ = alignment_family(_checked_digest(encoder))
    raw_key = f"scores@{key.partition('@')[2]}"
    shards = open_shards(layout, snapshot)
    setting = digest_of(sorted(trained_on))
    digest = shards.recall(key, trained_on=setting)
    missing = [] if digest else shards.missing(raw_key)
    for shard in track(missing, total=len(missing), what=f"score {snapshot}"):
        shards.write(raw_key, shard, _score_shard(layout, snapshot, shard, encoder))
    if digest is None:
        _rank(shards, key, raw_key, trained_on)
        digest = shards.remember(key, trained_on=setting)
    return AlignmentReport(
        key=key,
        num_samples=shards.num_samples,
        num_in_sample=_count_in_sample(shards, key),
        num_shards_scored=len(missing),
        seconds=time.monotonic() - start,
        digest=digest,
    )


def _checked_digest(encoder: Encoder) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", encoder.digest):
        raise SignalError(f"encoder digest {encoder.digest!r}: expected 64 hex digits, of its weights and config.")
    return encoder.digest


def _score_shard(layout: Layout, snapshot: Snapshot, shard: int, encoder: Encoder) -> pa.Table:
    samples = read_samples(layout, snapshot, shard)
    tar = layout.tar(snapshot, shard)
    sides = {modality: _embed(members_of(samples, modality, tar=tar), encoder) for modality in Modality}
    columns: dict[str, Any] = {"uid": samples["uid"].combine_chunks()}
    for score, (left, right) in zip(SCORES, _SIDES, strict=True):
        cosine = np.einsum("nd,nd->n", sides[left], sides[right]) if len(samples) else np.empty(0)
        absent = np.isnan(cosine)
        columns[score] = pa.array(np.clip(cosine, -1, 1).astype(np.float32), mask=absent)
    return pa.table(columns)


def _embed(members: Members, encoder: Encoder) -> Vectors:
    """(samples, d): the vector of each sample's member, NaN where it has none."""
    reading, parts = members.read(), []
    while batch := list(islice(reading, _BATCH)):
        parts.append(_checked(_vectors_of(batch, members.modality, encoder), len(batch), members))
    if not parts:
        return np.full((len(members.of_sample), 1), np.nan, dtype=np.float32)
    of_member = np.concatenate([*parts, np.full_like(parts[0][:1], np.nan)])
    return of_member[members.of_sample]  # -1 takes the last row


def _vectors_of(batch: Sequence[Any], modality: Modality, encoder: Encoder) -> Vectors:
    if modality is Modality.TEXT:
        return encoder.embed_texts([caption.text for caption in batch])
    return encoder.embed_images(batch) if modality is Modality.IMAGE else encoder.embed_audio(batch)


def _checked(vectors: Vectors, count: int, members: Members) -> Vectors:
    """float32 unit vectors, one per member."""
    found = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(found, axis=1) if found.ndim == 2 else np.empty(0)
    if len(lengths) != count or not np.all(np.abs(lengths - 1) < _UNIT_TOLERANCE):
        raise SignalError(
            f"{members.tar}: the encoder gave {found.shape} {members.modality} vectors for {count} members, expected "
            f"({count}, d) of length 1. Normalise them in the encoder."
        )
    return found


def _rank(shards: Shards, key: str, raw_key: str, trained_on: frozenset[str]) -> None:
    """Write the family from the scores of all shards: a rank needs the whole snapshot."""
    shards.forget(key)
    raw = [storage.read_table(shards.layout.signal(raw_key, shards.snapshot, n)) for n in range(len(shards.tars))]
    scores = pa.concat_tables(raw).replace_schema_metadata(None)
    sources = np.concatenate([_sources(shards, shard) for shard in range(len(shards.tars))])
    table = scores
    for score in SCORES:
        values = scores[score].to_numpy().astype(np.float64)  # null becomes NaN
        rank = percentiles(values, sources)
        table = table.append_column(f"{score}_percentile", pa.array(rank, mask=np.isnan(rank)))
    seen = pc.is_in(scores["uid"], value_set=pa.array(sorted(trained_on), pa.string()))
    _, schema = alignment_family(key.partition("@")[2])
    table = table.append_column("in_sample", seen).cast(schema)
    start = 0
    for shard, part in enumerate(raw):
        shards.write(key, shard, table.slice(start, len(part)))
        start += len(part)


def _sources(shards: Shards, shard: int) -> NDArray[Any]:
    samples = read_samples(shards.layout, shards.snapshot, shard)
    return np.array(samples["source"].to_pylist(), dtype=object)


def percentiles(values: NDArray[np.float64], sources: NDArray[Any]) -> NDArray[np.float64]:
    """Share, in percent, of the values of the same source that are not above each; NaN stays and does not count."""
    ranks = np.full(len(values), np.nan)
    for source in dict.fromkeys(sources.tolist()):
        rows = np.flatnonzero((sources == source) & ~np.isnan(values))
        ordered = np.sort(values[rows])
        ranks[rows] = 100.0 * np.searchsorted(ordered, values[rows], side="right") / max(1, len(rows))
    return ranks


def _count_in_sample(shards: Shards, key: str) -> int:
    uris = (shards.layout.signal(key, shards.snapshot, shard) for shard in range(len(shards.tars)))
    return sum(int(pc.sum(storage.read_table(uri, ["in_sample"])["in_sample"]).as_py() or 0) for uri in uris)
