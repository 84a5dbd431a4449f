"""Scores that somebody else computed, as a family of ours: joined by URL, digest of the file, uid or reference.

DataComp's metadata have `clip_l14_similarity_score` by `url` and `sha256`; they become an alignment family that every
policy takes. Scores of images whose text was masked (T-MARS, Maini et al. 2023) are a family of their own.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from pipelines import storage
from pipelines.curation.connections import named, open_engine, parquet, scratch
from pipelines.curation.queries import fill_sql
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot, digest_of
from pipelines.signals.alignment import percentiles
from pipelines.signals.files import Shards, open_shards
from pipelines.signals.relating.relations import RelationReport, family_table, key_of
from pipelines.signals.schema import alignment_family

KEYS = ("url", "sha256", "uid", "reference")
"""Columns of the sidecar that a foreign table may share."""
SCORES, MASKED = "scores", "masked"


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenScores:
    """A Parquet file or folder of Parquet files with one score for each key."""

    table: str
    key: str
    column: str
    family: str
    """`scores`: cosines of image and caption; `masked`: the same with the image's text masked."""
    table_key: str = ""
    """What the table calls the key, where it is another name."""

    @property
    def files(self) -> list[str]:
        """Local paths, in the order of their names."""
        if not storage.is_local(self.table):
            raise SignalError(f"{self.table}: expected a local file or folder of Parquet. Copy it here.")
        path = storage.local_path(self.table)
        found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not found or not all(file.is_file() for file in found):
            raise SignalError(f"{self.table}: no Parquet file. Name one, or a folder that holds some.")
        return [str(file) for file in found]

    @property
    def facts(self) -> dict[str, str]:
        """What decides a score."""
        digests = [storage.file_sha256(file) for file in self.files]
        return {
            "table_sha256": digest_of(digests),
            "joined_by": f"{self.key} = {self.table_key or self.key}",
            "column": self.column,
        }


def import_scores(layout: Layout, snapshot: Snapshot, given: GivenScores) -> RelationReport:
    """Write the family; `SignalError` where no sample is in the table, or a key is there twice with two scores."""
    start = time.monotonic()
    shards, facts = open_shards(layout, snapshot), given.facts
    key = key_of(MASKED, facts) if given.family == MASKED else alignment_family(digest_of(facts))[0]
    known = shards.recall(key, **facts)
    if known is None:
        shards.forget(key)
        _write(shards, key, given, facts)
    return RelationReport(
        key=key,
        num_samples=shards.num_samples,
        num_shards_measured=0 if known else len(shards.tars),
        digest=known or shards.remember(key, written=None, **facts),
        seconds=time.monotonic() - start,
    )


def _write(shards: Shards, key: str, given: GivenScores, facts: dict[str, str]) -> None:
    tables = list(_joined(shards, given))
    scores = np.concatenate([table["score"].to_numpy() for table in tables]).astype(np.float64)
    if not np.isfinite(scores).any():
        raise SignalError(
            f"{given.table}: no sample of {shards.snapshot} is in it by {given.key}. "
            f"Name another --key, of {', '.join(KEYS)}."
        )
    sources = pa.concat_tables(tables)["source"].combine_chunks().dictionary_encode(null_encoding="encode").indices
    ranks = percentiles(scores, sources.to_numpy())
    start = 0
    for shard, table in enumerate(tables):
        rank = ranks[start : start + len(table)]
        start += len(table)
        uids, score = table["uid"].combine_chunks(), table["score"].combine_chunks()
        if given.family == MASKED:
            whole = family_table(MASKED, uids, {"masked_image_text_score": score})
        else:
            whole = _alignment_table(key, uids, score, rank)
        shards.write(key, shard, whole, facts=facts)


def _alignment_table(key: str, uids: pa.Array, score: pa.Array, rank: np.ndarray) -> pa.Table:  # type: ignore[type-arg]
    """Other scores are null, and nobody knows what the model was trained on: it is taken to have seen none of it."""
    schema = alignment_family(key.partition("@")[2])[1]
    known = {
        "uid": uids,
        "image_text_score": score,
        "image_text_score_percentile": pa.array(rank, pa.float32(), mask=np.isnan(rank)),
        "in_sample": pa.repeat(pa.scalar(False), len(uids)),
    }
    columns = [known.get(field.name, pa.nulls(len(uids))) for field in schema]
    return pa.table([column.cast(field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)


def _joined(shards: Shards, given: GivenScores) -> Iterator[pa.Table]:
    """uid, source, score of the samples of each shard, in source order."""
    layout, snapshot = shards.layout, shards.snapshot
    sidecars = [layout.sidecar(snapshot, shard).removeprefix("file://") for shard in range(len(shards.tars))]
    with scratch(layout) as folder, open_engine(folder) as connection:
        if not storage.is_local(layout.root):
            connection.register_filesystem(storage.filesystem_of(layout.root)[0])
        parts = {"key": named(given.key), "table_key": named(given.table_key or given.key)}
        try:
            connection.execute(
                "create table given as "
                + fill_sql("given_scores", **parts, column=named(given.column), table=parquet(given.files))
            )
        except duckdb.Error as error:
            first = str(error).split("\n", 1)[0]
            raise SignalError(f"{given.table}: {first}. Name its columns with --table-key and --score.") from error
        _refuse_two_scores(connection, given)
        for sidecar in sidecars:
            yield connection.sql(fill_sql("given_of_shard", **parts, sidecar=parquet([sidecar]))).to_arrow_table()


def _refuse_two_scores(connection: duckdb.DuckDBPyConnection, given: GivenScores) -> None:
    twice: Sequence[tuple[str]] = connection.execute("select key from given where num_scores > 1 limit 3").fetchall()
    if twice:
        raise SignalError(
            f"{given.table}: {given.key} {', '.join(str(key) for (key,) in twice)} has several scores. "
            "Name a --key that is there once."
        )
