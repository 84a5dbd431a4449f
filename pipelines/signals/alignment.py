"""How well the sides of a sample fit each other, by the stored vectors of one model: scores and their ranks."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.parallel import Place, RayCluster
from pipelines.samples import Snapshot, digest_of
from pipelines.signals.columns import SCORES
from pipelines.signals.embeddings import ENGLISH, FOLDS, Effort, EmbedShard, embed_missing, embed_shard
from pipelines.signals.encoding import Encoder, checked_digest
from pipelines.signals.files import Shards, open_shards, read_facts
from pipelines.signals.folds import NUM_FOLDS
from pipelines.signals.members import read_samples
from pipelines.signals.schema import alignment_family, embeddings_key

__all__ = ["AlignmentReport", "Encoder", "Judge", "percentiles", "score_alignment", "score_by_cross_fitting"]

_FORMULA = "2"  # of scores and ranks: another one is computed anew from the vectors
_SIDES = (
    ("image_vector", "text_vector"),
    ("audio_vector", "text_vector"),
    ("image_vector", "audio_vector"),
    ("text_vector", ENGLISH),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """A scoring model and what it has seen."""

    encoder: Encoder
    trained_on: frozenset[str]
    """uids"""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignmentReport:
    """The scores of one model over one snapshot."""

    key: str
    """The family, `alignment@` and 12 digits of the model's digest."""
    embeddings: str
    """The family of the vectors, `embeddings@` and the same digits."""
    modalities: tuple[str, ...]
    """What the model can embed; scores of other modalities are null."""
    num_samples: int
    num_in_sample: int
    """Samples that the model was trained on: their scores flatter it."""
    num_shards_embedded: int
    """By this call; 0 where everything was there."""
    efforts: Mapping[str, Effort]
    """Modality -> what this call embedded."""
    seconds: float
    digest: str
    """sha256 over the names and content of the family's files."""


def score_alignment(
    layout: Layout,
    snapshot: Snapshot,
    encoder: Encoder,
    *,
    trained_on: frozenset[str],
    num_workers: int = 1,
    on: Place | RayCluster = "processes",
    work: EmbedShard = embed_shard,
) -> AlignmentReport:
    """Embed the shards that lack vectors of this model, then score and rank all of the snapshot within each source.

    `trained_on` holds the uids the model has seen; naming others labels anew without encoding anything. `work` does
    a shard: a function in the package of the encoder, where workers of a cluster are to be sent that package.
    """
    judge = Judge(encoder=encoder, trained_on=trained_on)
    return _score(layout, snapshot, (judge,), num_workers=num_workers, on=on, work=work)


def score_by_cross_fitting(
    layout: Layout,
    snapshot: Snapshot,
    judges: tuple[Judge, Judge],
    *,
    num_workers: int = 1,
    on: Place | RayCluster = "processes",
    work: EmbedShard = embed_shard,
) -> AlignmentReport:
    """Score fold 0 by the first and fold 1 by the second model, each trained without the groups that it scores.

    The family is keyed by both digests. Scores of two models are not on one scale, so ranks are within source and fold.
    """
    first, second = (judge.encoder for judge in judges)
    if first.embed_dim != second.embed_dim or first.modalities != second.modalities:
        raise SignalError(
            f"cross-fitting: {first.embed_dim} dimensions of {sorted(first.modalities)} against {second.embed_dim} of "
            f"{sorted(second.modalities)}, expected two models of one recipe. Train both with the same settings."
        )
    return _score(layout, snapshot, judges, num_workers=num_workers, on=on, work=work)


def _score(
    layout: Layout,
    snapshot: Snapshot,
    judges: tuple[Judge, ...],
    *,
    num_workers: int,
    on: Place | RayCluster,
    work: EmbedShard,
) -> AlignmentReport:
    start = time.monotonic()
    digests = [checked_digest(judge.encoder) for judge in judges]
    digest = digests[0] if len(digests) == 1 else digest_of(digests)
    encoders = tuple(judge.encoder for judge in judges)
    shards, key = open_shards(layout, snapshot), alignment_family(digest)[0]
    modalities = tuple(sorted(map(str, encoders[0].modalities)))
    facts = {"model_digest": ",".join(digests), "modalities": ",".join(modalities)}
    if len(judges) == NUM_FOLDS:
        facts[FOLDS] = str(NUM_FOLDS)
    num_embedded, efforts = embed_missing(
        shards, embeddings_key(digest), encoders, facts=facts, num_workers=num_workers, on=on, work=work
    )
    settings = {**facts, "formula": _FORMULA, "trained_on": digest_of([sorted(one.trained_on) for one in judges])}
    known = shards.recall(key, **settings)
    if known is None:
        _Ranking(shards=shards, key=key, embeddings=embeddings_key(digest), facts=facts, judges=judges).write()
        known = shards.remember(key, written=None, **settings)
    return AlignmentReport(
        key=key,
        embeddings=embeddings_key(digest),
        modalities=modalities,
        num_samples=shards.num_samples,
        num_in_sample=_count_in_sample(shards, key),
        num_shards_embedded=num_embedded,
        efforts=efforts,
        seconds=time.monotonic() - start,
        digest=known,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ranking:
    """Scores of all shards side by side: a rank needs the whole snapshot."""

    shards: Shards
    key: str
    embeddings: str
    facts: Mapping[str, str]
    judges: tuple[Judge, ...]

    def write(self) -> None:
        """Write the family; scores that an earlier call computed are taken from its files."""
        shards = range(len(self.shards.tars))
        facts = {**self.facts, "formula": _FORMULA}
        outdated = set(self.shards.missing(self.key))
        self.shards.forget(self.key)
        codes: dict[str, int] = {}
        parts, sources = [], []
        for shard in shards:
            is_usable = shard not in outdated and facts.items() <= read_facts(self._uri(self.key, shard)).items()
            parts.append(self._recall(shard) if is_usable else self._compute(shard))
            sources.append(_source_codes(self.shards, shard, codes))
        table, source = pa.concat_tables(parts), np.concatenate(sources)
        fold = table["scoring_fold"].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False)
        place = source.astype(np.int64) * NUM_FOLDS + fold
        ranks = {score: percentiles(table[score].to_numpy().astype(np.float64), place) for score in SCORES}
        start = 0
        for shard, part in zip(shards, parts, strict=True):
            own = slice(start, start + len(part))
            whole = self._complete(shard, part, {score: values[own] for score, values in ranks.items()}, fold[own])
            self.shards.write(self.key, shard, whole, facts=facts)
            start += len(part)

    def _uri(self, key: str, shard: int) -> str:
        return self.shards.layout.signal(key, self.shards.snapshot, shard)

    def _recall(self, shard: int) -> pa.Table:
        columns = [*SCORES, "scoring_fold"]
        return storage.read_table(self._uri(self.key, shard), columns).replace_schema_metadata(None)

    def _compute(self, shard: int) -> pa.Table:
        table = storage.read_table(self._uri(self.embeddings, shard))
        columns = {score: _cosines(table, *sides) for score, sides in zip(SCORES, _SIDES, strict=True)}
        return pa.table({**columns, "scoring_fold": table["scoring_fold"]})

    def _complete(
        self, shard: int, scores: pa.Table, ranks: Mapping[str, NDArray[np.float64]], fold: NDArray[np.int8]
    ) -> pa.Table:
        uids = storage.read_table(self._uri(self.embeddings, shard), ["uid"])["uid"].combine_chunks()
        seen = [pc.is_in(uids, value_set=pa.array(sorted(one.trained_on), pa.string())) for one in self.judges]
        in_sample = seen[0] if len(seen) == 1 else pc.if_else(pa.array(fold == 0), *seen)
        columns: dict[str, Any] = {"uid": uids, **{score: scores[score] for score in SCORES}}
        columns |= {f"{score}_percentile": pa.array(rank, mask=np.isnan(rank)) for score, rank in ranks.items()}
        columns |= {"in_sample": in_sample, "scoring_fold": scores["scoring_fold"]}
        schema = alignment_family(self.key.partition("@")[2])[1]
        return pa.table(columns).select(schema.names).cast(schema)


def _cosines(table: pa.Table, left: str, right: str) -> "pa.Array[Any]":
    """float32, null where a side is absent; lengths are divided out, for float16 is off one by up to 1e-3."""
    is_whole = _valid(table[left]) & _valid(table[right])
    pairs = table.select([left, right]).filter(pa.array(is_whole))
    (one, other) = (_matrix(pairs[name]) for name in (left, right))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    values = np.clip(np.einsum("nd,nd->n", one, other) / lengths, -1, 1).astype(np.float32)
    return pa.array(values, pa.float32()).take(pa.array(np.cumsum(is_whole) - 1, pa.int64(), mask=~is_whole))


def _valid(column: "pa.ChunkedArray[Any]") -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = column.is_valid().to_numpy()
    return mask


def _matrix(column: "pa.ChunkedArray[Any]") -> NDArray[np.float32]:
    """(rows, d) of a column without nulls."""
    flat = pc.list_flatten(column).to_numpy()
    matrix: NDArray[np.float32] = flat.reshape(len(column), -1 if len(column) else 1).astype(np.float32)
    return matrix


def _source_codes(shards: Shards, shard: int, codes: dict[str, int]) -> NDArray[np.int32]:
    """A number for the source of each sample; `codes` grows."""
    sources = read_samples(shards.layout, shards.snapshot, shard)["source"].combine_chunks()
    encoded = sources.dictionary_encode(null_encoding="encode")
    names = [codes.setdefault(name or "", len(codes)) for name in encoded.dictionary.to_pylist()]
    return np.array(names, dtype=np.int32)[encoded.indices.to_numpy()] if len(sources) else np.empty(0, np.int32)


def percentiles(values: NDArray[np.float64], sources: NDArray[Any] | Sequence[object]) -> NDArray[np.float64]:
    """Share, in percent, of the values of the same source that are not above each; NaN stays and does not count."""
    ranks = np.full(len(values), np.nan)
    rows = np.flatnonzero(~np.isnan(values))
    if not len(rows):
        return ranks
    _, code, count = np.unique(np.asarray(sources)[rows], return_inverse=True, return_counts=True)
    order = np.lexsort((values[rows], code))
    ordered_code, ordered = code[order], values[rows][order]
    is_last = np.r_[(ordered_code[1:] != ordered_code[:-1]) | (ordered[1:] != ordered[:-1]), True]
    lasts = np.flatnonzero(is_last)
    last = lasts[np.searchsorted(lasts, np.arange(len(order)))]  # of the run of equal values
    first = np.r_[0, np.cumsum(count)[:-1]][ordered_code]
    ranks[rows[order]] = 100.0 * (last + 1 - first) / count[ordered_code]
    return ranks


def _count_in_sample(shards: Shards, key: str) -> int:
    uris = (shards.layout.signal(key, shards.snapshot, shard) for shard in range(len(shards.tars)))
    return sum(int(pc.sum(storage.read_table(uri, ["in_sample"])["in_sample"]).as_py() or 0) for uri in uris)
