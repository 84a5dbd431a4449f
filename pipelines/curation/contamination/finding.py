"""What of a pool must not be trained on because an evaluation set asks it: found once for equal inputs, then kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.contamination.comparing import Library
from pipelines.curation.contamination.declaring import EvaluationSet
from pipelines.curation.contamination.material import FINGERPRINTS, candidates, evaluation_samples
from pipelines.curation.contamination.thresholds import Thresholds
from pipelines.curation.pool import signal_digest
from pipelines.curation.queries import run_sql
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.signals.files import open_shards

VERSION = 1
"""Raised when equal inputs would give other hits; part of the digest."""
NUM_EXAMPLES = 10
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("uid", pa.string()),
    ("reason", pa.string()),
    ("evaluation_view", pa.string()),
    ("evaluation_digest", pa.string()),
    ("evaluation_uid", pa.string()),
    ("similarity", pa.float32()),
]
HITS: pa.Schema = pa.schema(_COLUMNS)
"""One row for a sample, a reason and an evaluation set, with the most similar of its samples; sorted."""
_MERGED_EVERY = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A sample to train on and what of an evaluation set it gives away."""

    uid: str
    reason: str
    """same_sample, same_bytes, near_image, same_audio, same_text, shared_13_gram, near_image_vector, ..."""
    evaluation_view: str
    evaluation_digest: str
    evaluation_uid: str
    similarity: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ContaminationReport:
    """Where the hits are, and how many samples they take."""

    digest: str
    uri: str
    """See HITS."""
    evaluation_sets: tuple[EvaluationSet, ...]
    num_samples: int
    num_by_reason: Mapping[str, int]
    num_by_set: Mapping[str, int]
    """VIEW/DIGEST -> samples."""
    examples: tuple[Hit, ...]
    """The first of each reason and set, then the next, at most NUM_EXAMPLES."""


def find_contamination(
    layout: Layout,
    snapshots: Sequence[Snapshot],
    *,
    evaluation_sets: Sequence[EvaluationSet],
    settings: Thresholds | None = None,
    allow_not_measured: bool = False,
) -> ContaminationReport:
    """Compare what of the snapshots may be trained on with the evaluation sets; `SignalError` where fingerprints (or
    the vectors that are asked for) are missing on either side, because then nothing would be found; allowed, what was
    not measured of the snapshots is compared by digests and texts alone."""
    thresholds = settings or Thresholds()
    inputs = contamination_inputs(layout, snapshots, evaluation_sets=evaluation_sets, settings=thresholds)
    digest = digest_of({**inputs, "allow_not_measured": allow_not_measured})
    uri = layout.contamination(digest)
    if not storage.exists(uri):
        found = _hits(layout, snapshots, evaluation_sets, thresholds, allow_not_measured=allow_not_measured)
        storage.write_table(uri, found)
    return _report(digest, uri, evaluation_sets, storage.read_table(uri))


def contamination_inputs(
    layout: Layout,
    snapshots: Sequence[Snapshot],
    *,
    evaluation_sets: Sequence[EvaluationSet],
    settings: Thresholds,
) -> dict[str, object]:
    """Names and digests of all that decides the hits."""
    families = [FINGERPRINTS, *([settings.vectors] if settings.vectors else [])]
    shards = [open_shards(layout, snapshot) for snapshot in snapshots]
    return {
        "version": VERSION,
        "shards": [[str(one.snapshot), one.digest] for one in shards],
        "signals": {key: [signal_digest(one, key) for one in shards] for key in families},
        "evaluation_sets": [one.inputs(layout) for one in evaluation_sets],
        "settings": settings.inputs(),
    }


def _hits(
    layout: Layout,
    snapshots: Sequence[Snapshot],
    evaluation_sets: Sequence[EvaluationSet],
    thresholds: Thresholds,
    *,
    allow_not_measured: bool,
) -> pa.Table:
    samples = _library_samples(layout, evaluation_sets, thresholds)
    library = Library(samples, thresholds)
    asked = samples.select(["uid", "set"]).append_column("place", pa.array(range(len(samples)), pa.int64()))
    views = pa.table(
        {
            "set": pa.array(range(len(evaluation_sets)), pa.int64()),
            "evaluation_view": pa.array([one.view for one in evaluation_sets], pa.string()),
            "evaluation_digest": pa.array([one.digest for one in evaluation_sets], pa.string()),
        }
    )
    parts = [HITS.empty_table()]
    for snapshot in snapshots:
        for shard in candidates(layout, snapshot, thresholds.vectors, allow_not_measured=allow_not_measured):
            parts += [_named(pairs, asked, views) for pairs in _pairs(library, shard)]
            if len(parts) > _MERGED_EVERY:
                parts = [_merged(parts)]
    return _merged(parts)


def _pairs(library: Library, shard: pa.Table) -> Iterator[pa.Table]:
    for reason, mine, place, similarity in library.compare(shard):
        if len(mine):
            pairs = shard.select(["uid"]).take(mine)
            columns: dict[str, Any] = {
                "reason": pa.repeat(pa.scalar(reason), len(mine)),
                "place": pa.array(place),
                "similarity": pa.array(similarity, pa.float32(), from_pandas=True),
            }
            for name, column in columns.items():
                pairs = pairs.append_column(name, column)
            yield pairs


def _named(pairs: pa.Table, asked: pa.Table, views: pa.Table) -> pa.Table:
    return run_sql("contamination", pairs=pairs, asked=asked, views=views).cast(HITS)


def _merged(parts: Sequence[pa.Table]) -> pa.Table:
    """A sample in two snapshots, or a medium that is equal in two ways, is one hit."""
    return run_sql("contamination_merged", hits=pa.concat_tables(parts)).cast(HITS)


def _library_samples(layout: Layout, evaluation_sets: Sequence[EvaluationSet], thresholds: Thresholds) -> pa.Table:
    """See `Library`."""
    parts = []
    for number, one in enumerate(evaluation_sets):
        view = one.open(layout)
        verdicts = view.verdicts(["uid", "corpus", "kept", "split"])
        wanted = verdicts.filter(verdicts["kept"])
        if one.splits:
            wanted = wanted.filter(pc.field("split").isin(list(one.splits)))
        for snapshot in view.snapshots:
            mine = wanted.filter(pc.field("corpus") == snapshot.corpus)
            parts += [
                table.append_column("set", pa.repeat(pa.scalar(number, pa.int64()), len(table)))
                for table in evaluation_samples(layout, snapshot, mine, thresholds.vectors)
            ]
    return pa.concat_tables(parts).sort_by([("set", "ascending"), ("uid", "ascending")])


def _report(digest: str, uri: str, evaluation_sets: Sequence[EvaluationSet], hits: pa.Table) -> ContaminationReport:
    def counts(by: str) -> dict[str, int]:
        rows: list[dict[str, Any]] = run_sql("contamination_counts", hits=hits).to_pylist()
        return {row["name"]: row["num_samples"] for row in rows if row["by"] == by}

    first = run_sql("contamination_examples", hits=hits, params={"num_examples": NUM_EXAMPLES})
    return ContaminationReport(
        digest=digest,
        uri=uri,
        evaluation_sets=tuple(evaluation_sets),
        num_samples=counts("all").get("", 0),
        num_by_reason=counts("reason"),
        num_by_set=counts("set"),
        examples=tuple(Hit(**row) for row in first.to_pylist()),
    )
