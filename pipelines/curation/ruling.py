"""What a policy says of a pool, as a relation that is computed while it is read: file by file where it can be."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.curation.connections import PARQUET, open_engine, open_sandbox, parquet, quoted, time_limit
from pipelines.curation.evaluating import Columns, bind, explained, refuse_count, ruled_sql
from pipelines.curation.parsing import Query
from pipelines.curation.pool import known_columns
from pipelines.curation.pooling import Chunk, Samples
from pipelines.curation.queries import fill_sql
from pipelines.curation.shaping import Shape
from pipelines.curation.verdicts import Faults, faults_of

SECONDS = 60.0
SECONDS_PER_ROW = 1e-4
"""What a policy may take: a hundred times what one takes that compares columns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """A checked policy over a pool."""

    query: Query
    samples: Samples
    folder: Path
    columns: Columns
    faults: Faults

    @property
    def params(self) -> dict[str, object] | None:
        """Of the SELECT that `opened` gives."""
        return _params(self.query) if self.query.shape is Shape.BY_ROW else None

    @property
    def chunks(self) -> tuple[Chunk | None, ...]:
        """What is judged and written at a time; None is the whole pool."""
        return self.samples.chunks if self.query.shape is Shape.BY_ROW else (None,)

    @contextmanager
    def opened(self, chunk: Chunk | None, files: Sequence[str]) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
        """A connection, and a SELECT in it: see sql/ruled.sql. `files` are what else may be read or written.

        In the order of the samples; a uid that an earlier part has is there with what a policy says of it alone, or
        nothing. What DuckDB refuses while the block runs is a `PolicyError`.
        """
        if self.query.shape is not Shape.BY_ROW:
            with open_engine(self.folder) as engine:
                yield engine, f"from {parquet([self._ruled_file])}"
            return
        view = self.samples.whole() if chunk is None else self.samples.view_of(chunk)
        with sandboxed(self.query, self.samples, self.folder, view=view, files=files) as sandbox:
            yield sandbox, ruled_sql(self.query, self.columns, first_bit=self.faults.first_rule)

    @property
    def _ruled_file(self) -> str:
        return str(self.folder / "ruled.parquet")

    def run_whole(self) -> None:
        """Where the policy must see the whole pool: run it once, into a file in the order of the samples."""
        if self.query.shape is Shape.BY_ROW:
            return
        raw, once = str(self.folder / "raw.parquet"), self.samples.once()
        ruled = ruled_sql(self.query, self.columns, first_bit=self.faults.first_rule)
        with sandboxed(self.query, self.samples, self.folder, view=once, files=[raw]) as sandbox:
            sandbox.execute(f"copy ({ruled}) to {quoted(raw)} ({PARQUET})", _params(self.query))
        with open_engine(self.folder) as engine:
            counted = fill_sql("ruled_counts", ruled=parquet([raw]), judged=_judged(self.query))
            num_rows, num_without = engine.execute(counted).fetchall()[0]
            num_samples = self.samples.num_samples - self.samples.num_repeated
            refuse_count(self.query, num_rows=num_rows, num_samples=num_samples, num_without=num_without)
            repeated = parquet([self.samples.repeated]) if self.samples.num_repeated else None
            rest = fill_sql("ruled_repeated", samples=self.samples.whole(), repeated=repeated) if repeated else ""
            ordered = fill_sql("ruled_in_order", ruled=parquet([raw]), rest=f"union all by name {rest}" if rest else "")
            engine.execute(f"copy ({ordered}) to {quoted(self._ruled_file)} ({PARQUET})")
        Path(raw).unlink()


def rule(query: Query, samples: Samples, folder: Path, *, kinds: Sequence[str]) -> Ruling:
    """Check a policy against a pool, and run it where it cannot be run file by file."""
    columns = check(query, samples, folder)
    faults = faults_of(columns.faults, kinds)
    ruling = Ruling(query=query, samples=samples, folder=folder, columns=columns, faults=faults)
    ruling.run_whole()
    return ruling


def check(query: Query, samples: Samples, folder: Path) -> Columns:
    """What the policy gives; `PolicyError` where a name or a type is wrong. Runs nothing."""
    with sandboxed(query, samples, folder, view=samples.once(), files=[]) as sandbox:
        return bind(query, sandbox, known=known_columns())


@contextmanager
def sandboxed(
    query: Query, samples: Samples, folder: Path, *, view: str, files: Sequence[str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A sandbox with the table `samples`; it ends after a time that grows with the pool."""
    every = [*samples.files, *files, *([samples.repeated] if samples.num_repeated else [])]
    with open_sandbox(folder, every) as sandbox:
        sandbox.execute(f"create temp view samples as {view}")
        try:
            with time_limit(sandbox, SECONDS + SECONDS_PER_ROW * samples.num_samples):
                yield sandbox
        except duckdb.Error as error:
            raise explained(query, error, known_columns()) from error


def _params(query: Query) -> dict[str, object] | None:
    return dict(query.policy.params) or None


def _judged(query: Query) -> str:
    return "judged" if query.shape is Shape.FREE else "true"
