"""Run a policy's SELECT over the table `samples` in a DuckDB that can reach nothing else."""

import difflib
import re
from collections.abc import Collection, Set
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.curation.parsing import TABLE, Query
from pipelines.errors import PolicyError

SANDBOX: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
_FAULT = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """What a policy says of every sample, in the order of the samples it was given."""

    faults: dict[str, NDArray[np.bool_]]
    """In column order; True where the rule drops the sample (null, not applicable, is False)."""
    weight: NDArray[np.float32]


def evaluate(query: Query, samples: pa.Table, *, known: Collection[str] = ()) -> Ruling:
    """Refuses a result that is not one row per sample with boolean faults: a policy judges, it does not select.

    `known` are more columns to suggest where a name is misspelt.
    """
    table = _run(query, samples, {*samples.column_names, *known})
    _check_columns(query, table.schema)
    order = _order(query, samples, table)
    faults = {
        name: table[name].combine_chunks().fill_null(False).to_numpy(zero_copy_only=False)[order]
        for name in table.column_names
        if name not in ("uid", "weight")
    }
    return Ruling(faults=faults, weight=_weight(query, table)[order])


def _run(query: Query, samples: pa.Table, known: Set[str]) -> pa.Table:
    # Only the columns that the parse found: one that it missed fails here instead of passing as measured.
    seen = samples.select([name for name in samples.column_names if name in {"uid"} | query.names])
    params = dict(query.policy.params)
    with duckdb.connect(":memory:", config=SANDBOX) as connection:
        connection.register(TABLE, seen)
        connection.execute("set lock_configuration = true")
        try:
            table: pa.Table = connection.sql(query.policy.sql, params=params or None).to_arrow_table()
        except duckdb.Error as error:
            raise PolicyError(_explain(query, str(error), known)) from error
    return table


def _explain(query: Query, message: str, known: Set[str]) -> str:
    """DuckDB's first line, with the place in the policy and near names where it is about a name."""
    first = message.split("\n", 1)[0].rstrip(".!")
    line = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    where = f"policy {query.policy.name}" + (f", line {line[1]}" if line else "")
    named = re.search(r'[Cc]olumn "?(\w+)"?', first)
    if named is None:
        return f"{where}: {first}. Mend the SQL."
    near = difflib.get_close_matches(named[1].lower(), sorted(known - {named[1].lower()}), n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Mend the SQL; pipelines/signals/schema.py lists signals."
    return f"{query.where(named[1].lower())}: {first}. {hint}"


def _check_columns(query: Query, schema: pa.Schema) -> None:
    seen: set[str] = set()
    for column in schema:
        name, where = column.name, query.where(column.name.lower())
        if name in seen:
            raise PolicyError(f"{where}: two columns are called {name}. Give each fault its own name.")
        seen.add(name)
        if name == "uid" or (name == "weight" and _is_number(column.type)):
            continue
        if not pa.types.is_boolean(column.type):
            raise PolicyError(f"{where}: {name} is {column.type}, not boolean. Compare: width < 9 as {name}.")
        if not _FAULT.fullmatch(name):
            raise PolicyError(f"{where}: {name!r} is not a fault's name. Use a-z, 0-9 and _, like too_small.")
    if "uid" not in seen:
        raise PolicyError(f"policy {query.policy.name}: has no column uid. Select uid first.")


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)


def _order(query: Query, samples: pa.Table, table: pa.Table) -> NDArray[np.int64]:
    """For each sample the row of the policy's result."""
    found = pc.index_in(samples["uid"], value_set=table["uid"].combine_chunks())
    if found.null_count or len(table) != len(samples):
        raise PolicyError(
            f"policy {query.policy.name}: {len(table)} rows for {len(samples)} samples, {found.null_count} without a "
            "row. Each sample gets one verdict: write rules as boolean columns, without WHERE, LIMIT or GROUP BY."
        )
    order: NDArray[np.int64] = found.to_numpy().astype(np.int64)
    return order


def _weight(query: Query, table: pa.Table) -> NDArray[np.float32]:
    if "weight" not in table.column_names:
        return np.ones(len(table), dtype=np.float32)
    weight = table["weight"].cast(pa.float64()).to_numpy()  # null becomes nan
    bad = ~np.isfinite(weight) | (weight < 0)
    if bad.any():
        raise PolicyError(
            f"{query.where('weight')}: weight is null, negative or not finite for {bad.sum()} samples, "
            f"e.g. {table['uid'][int(bad.argmax())]}. Give every sample a number from 0 up (coalesce it)."
        )
    given: NDArray[np.float32] = weight.astype(np.float32)
    return given
