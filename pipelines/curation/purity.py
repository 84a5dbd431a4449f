"""A verdict is a function of the samples and the parameters: what else a policy's functions could depend on."""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from pipelines.curation.places import Node, at_line, walk
from pipelines.curation.policy import Policy
from pipelines.curation.queries import database
from pipelines.errors import PolicyError


def refuse_impure_functions(policy: Policy, nodes: Sequence[Node]) -> None:
    """`PolicyError` for what answers by something other than the samples and the parameters."""
    impure = _impure_functions()
    tables = {id(node["function"]) for node in nodes if node.get("type") == "TABLE_FUNCTION"}
    for node in nodes:
        _refuse_order(policy, node)
        if str(node.get("function_name", "")).lower() in _OF_ANY_SIZE and id(node) not in tables:
            raise PolicyError(
                f"policy {policy.name}, {at_line(policy, node)}: {node['function_name']}() makes values of any size, "
                "which no limit of memory holds. Compare what the columns have."
            )
        named = node.get("function_name") or (node.get("column_names") or [""])[-1]
        if str(named).lower() in impure:
            raise PolicyError(
                f"policy {policy.name}, {at_line(policy, node)}: {named}() gives another answer at another time. "
                "A verdict depends on the sample and the parameters alone; make it a $parameter."
            )


@cache
def _impure_functions() -> frozenset[str]:
    """What answers by the clock, the connection or the catalog: by DuckDB's own word, as a macro around such a
    function, or as one of those that imitate PostgreSQL's catalog."""
    with database().cursor() as connection:
        names = {row[0] for row in connection.execute(_VOLATILE).fetchall()}
        macros = connection.execute(_MACROS).fetchall()
    around = {name for name, body in macros if names & set(re.findall(r"\w+", body.lower()))}
    return frozenset(names | around | _TELLING)


_VOLATILE = """select distinct lower(function_name) from duckdb_functions()
where stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY') or starts_with(function_name, 'pg_')"""
_MACROS = """select distinct lower(function_name), macro_definition from duckdb_functions()
where function_type = 'macro' and macro_definition is not null"""
_TELLING = frozenset({"version", "current_setting", "getenv", "user", "current_user", "session_user", "current_role"})


def _refuse_order(policy: Policy, node: Node) -> None:
    """Verdicts must not depend on the order in which rows come, nor on the number of threads."""
    name = str(node.get("function_name", "")).lower()
    if name in _APPROXIMATE:
        raise PolicyError(
            f"policy {policy.name}, {at_line(policy, node)}: {name}() answers differently on another number of "
            "threads. Use the exact function: quantile_cont, count(distinct ...), mode."
        )
    orders = [order for order in _orders(node) if order is not None]
    if (name in _BY_POSITION or (node.get("class") == "WINDOW" and _by_position(node))) and not _names_uid(orders):
        raise PolicyError(
            f"policy {policy.name}, {at_line(policy, node)}: {name}() depends on the order of equal rows. "
            "Add uid at the end of its ORDER BY."
        )


_OF_ANY_SIZE = frozenset({"repeat", "lpad", "rpad", "bar", "list_resize", "array_resize", "range", "generate_series"})
_APPROXIMATE = frozenset(
    {"approx_count_distinct", "approx_quantile", "approx_top_k", "reservoir_quantile", "any_value", "arbitrary"}
)
_BY_POSITION = frozenset(
    {"first", "last", "list", "array_agg", "string_agg", "group_concat", "listagg"}
    | {"row_number", "ntile", "lag", "lead", "first_value", "last_value", "nth_value"}
)


def _by_position(node: Node) -> bool:
    """A frame that is counted in rows."""
    return any("ROWS" in str(node.get(edge)) for edge in ("start", "end"))


def _orders(node: Node) -> Iterator[object]:
    """Every ORDER BY of an aggregate or a window."""
    yield node.get("orders")
    yield node.get("arg_orders")
    yield (node.get("order_bys") or {}).get("orders")


def _names_uid(orders: list[object]) -> bool:
    return any("uid" in str(found.get("column_names")) for found in walk(orders) if isinstance(found, dict))
