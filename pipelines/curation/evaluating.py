"""A policy's SELECT in the sandbox: its columns checked, its rules packed into bits beside what the engine needs."""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import duckdb

from pipelines.curation.connections import named
from pipelines.curation.parsing import Query
from pipelines.curation.queries import fill_sql
from pipelines.curation.shaping import Shape, with_columns
from pipelines.errors import PolicyError

OF_SAMPLES = ("__part", "__shard", "__source_row", "__split", "__facet", "__unmeasured")
"""Columns of `samples` that no policy may name, passed on beside its rules."""
NUMBERS = ("weight", "preference")
_FAULT = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """What a policy's SELECT gives beside `uid`."""

    faults: tuple[str, ...]
    """In their order."""
    numbers: frozenset[str]
    """Of NUMBERS, those that it has."""


def bind(query: Query, connection: duckdb.DuckDBPyConnection, *, known: Collection[str]) -> Columns:
    """Resolve every name of the policy against `samples`, without running it; refuses what is no verdict.

    `known` are more columns to suggest where a name is misspelt.
    """
    try:
        relation = connection.sql(query.policy.sql, params=dict(query.policy.params) or None)
        seen = connection.sql("select * from samples limit 0").columns
    except duckdb.Error as error:
        raise explained(query, error, known) from error
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    _check_columns(query, relation.columns, types)
    assert {*OF_SAMPLES, "uid"} <= set(seen)
    return Columns(
        faults=tuple(name for name in relation.columns if name not in ("uid", *NUMBERS)),
        numbers=frozenset(NUMBERS) & types.keys(),
    )


def ruled_sql(query: Query, columns: Columns, *, first_bit: int) -> str:
    """A SELECT of uid, OF_SAMPLES, `__rules` (bits from `first_bit` on), weight, preference.

    One row for each sample in their order where the policy's shape is BY_ROW, in any order where it is another.
    """
    rules = [
        f"if({named(name)}, {1 << bit}::ubigint, 0::ubigint)" for bit, name in enumerate(columns.faults, first_bit)
    ]
    weight = "weight::double" if "weight" in columns.numbers else "1::double"
    preference = "preference::double" if "preference" in columns.numbers else "null::double"
    parts = {"rules": " | ".join(rules) or "0::ubigint", "weight": weight, "preference": preference}
    if query.shape is Shape.FREE:
        return fill_sql("ruled_apart", policy=with_columns(query.policy.sql, []), **parts)
    return fill_sql("ruled", policy=with_columns(query.policy.sql, OF_SAMPLES), **parts)


def explained(query: Query, error: duckdb.Error, known: Collection[str]) -> PolicyError:
    """DuckDB's first line, with the place in the policy and near names where it is about a name."""
    message = str(error)
    if isinstance(error, duckdb.InterruptException):
        return PolicyError(f"policy {query.policy.name}: ran out of time and was stopped. Write a cheaper rule.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return PolicyError(
            f"policy {query.policy.name}: needs more memory than a policy may have. Write a cheaper rule: "
            "a window over all samples or a join of samples with themselves holds every row at once."
        )
    first = message.split("\n", 1)[0].rstrip(".!")
    line = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    where = f"policy {query.policy.name}" + (f", line {line[1]}" if line else "")
    about = re.search(r'[Cc]olumn "?(\w+)"?', first)
    if about is None:
        return PolicyError(f"{where}: {first}. Mend the SQL.")
    name = about[1].lower()
    near = difflib.get_close_matches(name, sorted(set(known) - {name}), n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Mend the SQL; pipelines/signals/schema.py lists signals."
    return PolicyError(f"{query.where(name)}: {first}. {hint}")


def refuse_count(query: Query, *, num_rows: int, num_samples: int, num_without: int) -> None:
    """`PolicyError` unless there is one row for each sample."""
    if num_without or num_rows != num_samples:
        raise PolicyError(
            f"policy {query.policy.name}: {num_rows} rows for {num_samples} samples, {num_without} without a row. "
            "Each sample gets one verdict: write rules as boolean columns, without WHERE, LIMIT or GROUP BY."
        )


def refuse_weights(query: Query, *, num_bad: int, uid: str | None) -> None:
    """`PolicyError` where a weight is no number that a sample can be drawn by."""
    if num_bad:
        raise PolicyError(
            f"{query.where('weight')}: weight is null, negative or not finite for {num_bad} samples, e.g. {uid}. "
            "Give every sample a number from 0 up (coalesce it)."
        )


def _check_columns(query: Query, names: Sequence[str], types: dict[str, str]) -> None:
    for name in names:
        where = query.where(name.lower())
        if list(names).count(name) > 1:
            raise PolicyError(f"{where}: two columns are called {name}. Give each fault its own name.")
        if name == "uid" or (name in NUMBERS and _is_number(types[name])):
            continue
        if types[name] != "BOOLEAN" and types[name] != '"NULL"':
            raise PolicyError(f"{where}: {name} is {types[name].lower()}, not boolean. Compare: width < 9 as {name}.")
        if not _FAULT.fullmatch(name):
            raise PolicyError(f"{where}: {name!r} is not a fault's name. Use a-z, 0-9 and _, like too_small.")
    if "uid" not in names:
        raise PolicyError(f"policy {query.policy.name}: has no column uid. Select uid first.")


def _is_number(kind: str) -> bool:
    return bool(re.match(r"U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL", kind))
