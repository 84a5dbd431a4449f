"""Vectors of every sample by one model, stored: what scores are computed from, and what finds similar samples.

float16, because a cosine of two such vectors is off by less than 1e-3 and half the bytes matter at a billion rows.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.layout import Layout
from pipelines.parallel import Place, RayCluster, map_as_done
from pipelines.samples import Modality, Snapshot
from pipelines.signals.encoding import Encoder, embed_members
from pipelines.signals.files import Shards, write_signals
from pipelines.signals.folds import NUM_FOLDS, fold_column
from pipelines.signals.members import members_of, read_samples
from pipelines.signals.schema import EMBEDDINGS

ENGLISH = "english_vector"
DIMENSIONS = "embed_dim"
"""In the metadata of every file."""
FOLDS = "folds"
"""In the metadata of a file whose rows are of two models, and so of two spaces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """What embedding one modality took; every different member counts once per shard."""

    num_vectors: int = 0
    seconds: float = 0.0
    """Of all workers together, reading and decoding included."""

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(num_vectors=self.num_vectors + other.num_vectors, seconds=self.seconds + other.seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingTask:
    """One shard that lacks vectors."""

    layout: Layout
    snapshot: Snapshot
    shard: int
    tar_sha256: str
    key: str
    encoders: tuple[Encoder, ...]
    """One, or one for each fold of the samples."""
    facts: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.snapshot} shard {self.shard:08d}"


def embed_shard(task: EmbeddingTask) -> dict[str, Effort]:
    """Write the vectors of one shard; returns the effort by modality."""
    samples = read_samples(task.layout, task.snapshot, task.shard)
    tar = task.layout.tar(task.snapshot, task.shard)
    is_split = len(task.encoders) == NUM_FOLDS
    folds = fold_column(samples["group"]) if is_split else np.zeros(len(samples), dtype=np.int8)
    parts, places, efforts = [], [], dict[str, Effort]()
    for number, encoder in enumerate(task.encoders):
        rows = np.flatnonzero(folds == number)
        part = _embed_samples(samples.take(rows), encoder, tar, efforts)
        parts.append(part.append_column("scoring_fold", _fold_values(number if is_split else None, len(rows))))
        places.append(rows)
    order = np.argsort(np.concatenate(places), kind="stable")
    table = pa.concat_tables(parts).take(order).select(EMBEDDINGS.names).cast(EMBEDDINGS)
    loaded = {f"{name}_{number}": value for number, encoder in enumerate(task.encoders) for name, value in
              encoder.facts.items()} if is_split else dict(task.encoders[0].facts)  # fmt: skip
    uri = task.layout.signal(task.key, task.snapshot, task.shard)
    facts = {**loaded, **task.facts, DIMENSIONS: str(task.encoders[0].embed_dim)}
    write_signals(uri, table, tar_sha256=task.tar_sha256, facts=facts)
    return efforts


EmbedShard = Callable[[EmbeddingTask], dict[str, Effort]]
"""`embed_shard`, or a function of another package that calls it."""


def embed_missing(
    shards: Shards,
    key: str,
    encoders: tuple[Encoder, ...],
    *,
    facts: Mapping[str, str],
    num_workers: int = 1,
    on: Place | RayCluster = "processes",
    work: EmbedShard = embed_shard,
) -> tuple[int, dict[str, Effort]]:
    """Write the vectors of the shards that have none; how many these were, and the effort by modality."""
    if shards.recall(key, **facts):
        return 0, {}
    missing = shards.missing(key)
    shards.forget(key, missing)
    tasks = (
        EmbeddingTask(
            layout=shards.layout,
            snapshot=shards.snapshot,
            shard=shard,
            tar_sha256=shards.tars[shard],
            key=key,
            encoders=encoders,
            facts=facts,
        )
        for shard in missing
    )
    efforts: dict[str, Effort] = {}
    finished = map_as_done(
        work,
        tasks,
        total=len(missing),
        num_workers=num_workers,
        what=f"embed {shards.snapshot}",
        on=on,
    )
    for _, spent in finished:
        for name, effort in spent.items():
            efforts[name] = efforts.get(name, Effort()) + effort
    shards.remember(key, written=None, **facts)
    return len(missing), efforts


def _fold_values(fold: int | None, count: int) -> "pa.Array[Any]":
    return pa.nulls(count, pa.int8()) if fold is None else pa.repeat(pa.scalar(fold, pa.int8()), count)


def _embed_samples(samples: pa.Table, encoder: Encoder, tar: str, efforts: dict[str, Effort]) -> pa.Table:
    """uid and the vectors of one model; `efforts` grows, by nothing for the loading of the model."""
    _ = encoder.facts
    columns: dict[str, Any] = {"uid": samples["uid"].combine_chunks()}
    for modality in Modality:
        start = time.monotonic()
        if modality is Modality.TEXT:
            columns |= (found := _embed_captions(samples, encoder, tar))
        else:
            columns |= (found := {f"{modality}_vector": _embed_media(samples, modality, encoder, tar)})
        num_vectors = sum(count for _, count in found.values())
        spent = Effort(num_vectors=num_vectors, seconds=time.monotonic() - start)
        efforts[str(modality)] = efforts.get(str(modality), Effort()) + spent
        columns |= {name: array for name, (array, _) in found.items()}
    return pa.table(columns)


def _embed_media(samples: pa.Table, modality: Modality, encoder: Encoder, tar: str) -> tuple["pa.Array[Any]", int]:
    if modality not in encoder.modalities:
        return _vector_array(None, np.full(len(samples), -1)), 0
    members = members_of(samples, modality, tar=tar)
    vectors = embed_members(encoder, modality, members.read(), uids=members.uids, tar=tar)
    return _vector_array(vectors, members.of_sample), len(vectors)


def _embed_captions(samples: pa.Table, encoder: Encoder, tar: str) -> dict[str, tuple["pa.Array[Any]", int]]:
    """Of the primary captions, and of the English texts beside captions in another language."""
    rows = samples.select(["uid", "caption", "language", "texts"]).to_pylist()
    can = Modality.TEXT in encoder.modalities
    captions = [row["caption"] if can and _is_known(row["language"], encoder.languages) else None for row in rows]
    english = [_english_of(row) if can else None for row in rows]
    position: dict[str, int] = {}
    uids = []
    for row, texts in zip(rows, zip(captions, english, strict=True), strict=True):
        for text in filter(None, texts):
            if text not in position:
                position[text] = len(position)
                uids.append(row["uid"])
    vectors = embed_members(encoder, Modality.TEXT, position, uids=uids, tar=tar) if position else None
    return {
        "text_vector": (_vector_array(vectors, _places(captions, position)), len(position)),
        ENGLISH: (_vector_array(vectors, _places(english, position)), 0),
    }


def _places(texts: Sequence[str | None], position: Mapping[str, int]) -> NDArray[np.int64]:
    return np.array([position[text] if text else -1 for text in texts], dtype=np.int64)


def _is_known(language: str | None, languages: frozenset[str] | None) -> bool:
    return languages is None or _base_of(language) in languages


def _base_of(language: str | None) -> str:
    return (language or "und").partition("-")[0].lower()


def _english_of(row: Mapping[str, Any]) -> str | None:
    """The English text of a sample whose primary caption is in another language."""
    if not row["caption"] or _base_of(row["language"]) == "en":
        return None
    texts: Iterable[tuple[str, str]] = row["texts"] or ()
    return next((text for language, text in texts if text and _base_of(language) == "en"), None)


def _vector_array(vectors: NDArray[np.float16] | None, of_sample: NDArray[np.int64]) -> "pa.Array[Any]":
    """For every sample the vector at its place, null where that is -1."""
    kind = pa.list_(pa.float16())
    absent = of_sample < 0
    if vectors is None or absent.all():
        return pa.nulls(len(of_sample), kind)
    rows = vectors[of_sample[~absent]]
    offsets = np.r_[0, np.cumsum(~absent)].astype(np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows.reshape(-1)), type=kind, mask=pa.array(absent))
