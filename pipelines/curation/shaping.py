"""The shape of a policy's SELECT: whether each row is judged by itself, and how the engine's own columns get into it.

A SELECT straight from `samples` without anything that drops, merges or multiplies rows gives one row for each sample.
Then the engine's columns are appended to its list, and its result needs no join with the samples. Without windows and
subqueries it also needs no other sample, so that files can be judged one after another.
"""

import json
from collections.abc import Sequence
from enum import Enum
from typing import Any

from pipelines.curation.places import Node
from pipelines.curation.queries import database

TABLE = "samples"


class Shape(Enum):
    """From the cheapest to the dearest to judge."""

    BY_ROW = 1
    """Each sample by itself."""
    BY_POOL = 2
    """One row for each sample, from what all of them are."""
    FREE = 3
    """Any other SELECT: its rows are joined with the samples by uid, and counted."""


def shape_of(node: Node, nodes: Sequence[Node]) -> Shape:
    """Of the outermost node; `nodes` are all that are in it."""
    if not _is_plain(node) or _multiplies(node):
        return Shape.FREE
    needs_others = any(each.get("class") in ("WINDOW", "SUBQUERY") for each in nodes)
    return Shape.BY_POOL if needs_others else Shape.BY_ROW


def with_columns(sql: str, columns: Sequence[str]) -> str:
    """The same SELECT without comments; with further columns of `samples` behind its own if its shape is not FREE."""
    with database().cursor() as connection:
        parsed = json.loads(_one(connection, "select json_serialize_sql($text)", sql))
        if columns:
            node = parsed["statements"][0]["node"]
            table = node["from_table"]["alias"] or TABLE
            node["select_list"] += [_reference(table, column) for column in columns]
        return str(_one(connection, "select json_deserialize_sql($text::json)", json.dumps(parsed)))


def _one(connection: Any, sql: str, text: str) -> Any:
    return connection.execute(sql, {"text": text}).fetchall()[0][0]


def _reference(table: str, column: str) -> Node:
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": column, "column_names": [table, column]}


def _is_plain(node: Node) -> bool:
    table = node.get("from_table") or {}
    drops = any(node.get(part) for part in ("where_clause", "group_expressions", "having", "qualify", "sample"))
    return (
        node.get("type") == "SELECT_NODE"
        and table.get("type") == "BASE_TABLE"
        and table.get("table_name", "").lower() == TABLE
        and not table.get("column_name_alias")
        and not drops
        and not node.get("group_sets")
        and not node.get("modifiers")
        and any(_is_uid(item) for item in node["select_list"])
    )


def _is_uid(item: Node) -> bool:
    """A plain `uid`: with it, an aggregate beside it without GROUP BY is refused by DuckDB itself."""
    name = [part.lower() for part in item.get("column_names") or [""]][-1]
    return item.get("class") == "COLUMN_REF" and name == "uid" and item.get("alias", "").lower() in ("", "uid")


def _multiplies(node: Node) -> bool:
    """Whether anything in its list may give several rows for one."""
    text = json.dumps(node["select_list"]).lower()
    return '"unnest"' in text or '"regexp_split_to_table"' in text or '"generate_subscripts"' in text
