"""What the engine adds to a policy, as a small table of uids with bits: withdrawn, near held-out, duplicates."""

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from pipelines import storage
from pipelines.curation import duplicates
from pipelines.curation.connections import PARQUET, parquet, quoted
from pipelines.curation.contamination import find_contamination
from pipelines.curation.contamination.leakage import NEAR_HELD_OUT_COLUMNS, find_near_held_out
from pipelines.curation.pool import FINGERPRINTS
from pipelines.curation.pooling import gather_pool
from pipelines.curation.queries import fill_sql
from pipelines.curation.questions import Question
from pipelines.curation.ruling import Ruling
from pipelines.curation.verdicts import mark_duplicates


def mark(question: Question, ruling: Ruling, engine: duckdb.DuckDBPyConnection) -> str | None:
    """A Parquet file of uid and bits of what the engine found; None where it found nothing."""
    faults, folder = ruling.faults, ruling.folder
    engine.execute("create temp table marks (uid varchar, bits ubigint)")
    _mark_all(engine, pa.table({"uid": pa.array(question.tombstones(), pa.string())}), faults.bit("tombstoned"))
    _mark_all(engine, _near_held_out(question, ruling, engine), faults.bit("near_held_out"))
    if question.evaluation_sets:
        _mark_all(engine, _contaminated(question), faults.bit("contaminated"))
    settings = question.duplicates
    if settings.kinds:
        found = duplicates.find_duplicates(
            question.layout,
            question.snapshots,
            settings=settings,
            allow_not_measured=question.allow_not_measured,
        )
        caps = {name: kind.max_per_component for name, kind in settings.kinds.items()}
        _mark_duplicates(ruling, engine, found.uri, caps)
    target = str(folder / "marks.parquet")
    ((count,),) = engine.execute(f"copy ({fill_sql('marks')}) to {quoted(target)} ({PARQUET})").fetchall()
    return target if count else None


def _mark_all(engine: duckdb.DuckDBPyConnection, uids: pa.Table, bit: int) -> None:
    engine.register("found", uids.select(["uid"]))
    engine.execute("insert into marks select uid, $bit::ubigint from found", {"bit": bit})
    engine.unregister("found")


def _near_held_out(question: Question, ruling: Ruling, engine: duckdb.DuckDBPyConnection) -> pa.Table:
    families = {FINGERPRINTS.key: FINGERPRINTS}
    samples = gather_pool(question.layout, question.snapshots, families, NEAR_HELD_OUT_COLUMNS, ruling.folder)
    engine.execute(f"create or replace temp view samples as {samples.once()}")
    return find_near_held_out(engine)


def _contaminated(question: Question) -> pa.Table:
    found = find_contamination(
        question.layout,
        question.snapshots,
        evaluation_sets=question.evaluation_sets,
        settings=question.thresholds,
        allow_not_measured=question.allow_not_measured,
    )
    return storage.read_table(found.uri, ["uid"])


def _mark_duplicates(ruling: Ruling, engine: duckdb.DuckDBPyConnection, uri: str, caps: Mapping[str, int]) -> None:
    """The rules are asked of the members of components alone."""
    folder, faults = ruling.folder, ruling.faults
    members, ruled = str(folder / "members.parquet"), str(folder / "ruled_members.parquet")
    found = "found"
    if storage.is_local(uri):
        found = parquet([str(storage.local_path(uri).absolute())])
    else:
        engine.register("found", storage.read_table(uri, ["uid", "kind", "component", "rank"]))
    ((count,),) = engine.execute(
        f"copy ({fill_sql('duplicate_members', found=found)}) to {quoted(members)} ({PARQUET})"
    ).fetchall()
    if not count:
        return
    with ruling.opened(None, [members, ruled]) as (connection, select):
        again = parquet([ruling.samples.repeated]) if ruling.samples.num_repeated else ""
        joined = fill_sql(
            "ruled_members",
            ruled=select,
            members=parquet([members]),
            not_measured=str(faults.bit("not_measured")),
            again=f"anti join {again} as again on again.uid = ruled.uid and again.__part = ruled.__part"
            if again
            else "",
        )
        connection.execute(f"copy ({joined}) to {quoted(ruled)} ({PARQUET})", ruling.params)
    of_members = fill_sql("members", members=parquet([members]), ruled=parquet([ruled]))
    engine.execute(f"create or replace temp table members as {of_members}")
    mark_duplicates(engine, faults, caps=caps)
