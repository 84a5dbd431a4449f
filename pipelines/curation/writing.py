"""The verdict files of a view: rows in the order of the samples, and nothing in them that another table can tell.

What funnels count by is one number, `facet`, whose meaning is in `facets.parquet`: dictionaries of a few strings cost
more to write twenty million times than all the rules to judge.
"""

import duckdb

from pipelines import storage
from pipelines.curation.connections import PARQUET, parquet, quoted
from pipelines.curation.evaluating import refuse_weights
from pipelines.curation.pooling import Chunk
from pipelines.curation.queries import fill_sql
from pipelines.curation.ruling import Ruling
from pipelines.curation.splits import Split


def write_verdicts(uri: str, ruling: Ruling, marks: str | None, *, is_measured: bool = False) -> None:
    """`verdicts/*.parquet` below `uri`; `marks` is a file of uids and bits that the engine adds.

    `is_measured` says that no sample lacks anything, so that nobody has to look.
    """
    for number, chunk in enumerate(ruling.chunks):
        with storage.replacing(f"{uri}/verdicts/{number:08d}.parquet") as path:
            files = [str(path.absolute()), *([marks] if marks else [])]
            with ruling.opened(chunk, files) as (connection, select):
                verdicts = verdicts_sql(ruling, select, chunk, marks, is_measured=is_measured)
                connection.execute(f"copy ({verdicts}) to {quoted(str(path.absolute()))} ({PARQUET})", ruling.params)
                if "weight" in ruling.columns.numbers:
                    _check_weights(connection, ruling, str(path.absolute()))


def verdicts_sql(ruling: Ruling, select: str, chunk: Chunk | None, marks: str | None, *, is_measured: bool) -> str:
    """See sql/verdicts.sql."""
    faults, samples = ruling.faults, ruling.samples
    bits, joins, possible = ["ruled.__rules"], [], set(ruling.columns.faults)
    if not is_measured:
        bits.append(f"if(ruled.__unmeasured <> 0, {faults.bit('not_measured')}::ubigint, 0::ubigint)")
        possible.add("not_measured")
    if marks:
        joins.append(f"left join {parquet([marks])} as marks on marks.uid = ruled.uid")
        bits.append("coalesce(marks.bits, 0::ubigint)")
        possible.update(faults.names)
    every = " | ".join(bits)
    if samples.num_repeated:
        again = parquet([samples.repeated])
        joins.append(f"left join {again} as again on again.uid = ruled.uid and again.__part = ruled.__part")
        every = f"if(again.uid is null, {every}, {faults.bit('repeated_uid')}::ubigint)"
        possible.add("repeated_uid")
    names = ", ".join(map(quoted, faults.names))
    return fill_sql(
        "verdicts",
        ruled=select,
        corpus=_of_part([part.snapshot.corpus for part in samples.parts], chunk),
        snapshot=_of_part([part.snapshot.snapshot for part in samples.parts], chunk),
        split=f"ruled.__split::enum({', '.join(quoted(str(split)) for split in Split)})",
        faults=every,
        first_fault=faults.first_fault_sql(f"enum({names})", possible=possible),
        joins=" ".join(joins),
    )


def _of_part(names: list[str], chunk: Chunk | None) -> str:
    """The name of a row's part as an ENUM, which Parquet's writer takes as the dictionary that it is."""
    kind = f"enum({', '.join(map(quoted, dict.fromkeys(names)))})"
    if chunk is not None:
        return f"{quoted(names[chunk.part])}::{kind}"
    whens = " ".join(f"when {part} then {quoted(name)}::{kind}" for part, name in enumerate(names))
    return f"case ruled.__part {whens} end"


def _check_weights(connection: duckdb.DuckDBPyConnection, ruling: Ruling, file: str) -> None:
    ((num_bad, uid),) = connection.execute(fill_sql("bad_weights", file=parquet([file]))).fetchall()
    refuse_weights(ruling.query, num_bad=num_bad, uid=uid)
