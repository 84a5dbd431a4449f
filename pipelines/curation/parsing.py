"""What a policy's SQL refers to, read from DuckDB's own parse of it; refuses what a policy must not contain."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.curation.places import Node, at_line, line_at, offset_of, walk
from pipelines.curation.policy import Policy
from pipelines.curation.purity import refuse_impure_functions
from pipelines.curation.queries import database
from pipelines.curation.shaping import TABLE, Shape, shape_of
from pipelines.errors import PolicyError

TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series"})
"""Everything else that stands in a FROM could read something other than the samples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A name in the SQL text and where it stands."""

    name: str
    offset: int
    """In UTF-8 bytes from the start of the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """The parsed SELECT of a policy."""

    policy: Policy
    columns: tuple[Reference, ...]
    """Every name that may be a column of `samples`; aliases and names inside WITH are among them."""
    outputs: tuple[Reference, ...]
    """The aliases of the outermost SELECT, in order."""
    compared: tuple[tuple[str, str], ...]
    """(column, parameter) of every plain comparison."""
    shape: Shape
    """Whether it can be judged row by row."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(reference.name for reference in self.columns)

    @property
    def thresholds(self) -> dict[str, list[str]]:
        """Column -> parameters that it is compared with, as in `words < $min_words`."""
        found: dict[str, list[str]] = {}
        for column, param in self.compared:
            found.setdefault(column, []).append(param)
        return found

    def where(self, name: str) -> str:
        """`policy default, line 7 (column too_small)`: where a name first stands, for messages."""
        found = next((ref for ref in (*self.columns, *self.outputs) if ref.name == name), None)
        if found is None:
            return f"policy {self.policy.name}"
        starts = [ref for ref in self.outputs if ref.offset <= found.offset]
        rule = f" (column {starts[-1].name})" if starts and starts[-1].name else ""
        return f"policy {self.policy.name}, line {line_at(self.policy, found.offset)}{rule}"


def parse(policy: Policy) -> Query:
    """Parse and check: one SELECT, from `samples` alone, a pure function of its rows and parameters."""
    node = _only_select(policy)
    nodes = list(walk(node))
    columns = tuple(
        Reference(name=name, offset=offset_of(found))
        for found in nodes
        if found.get("class") == "COLUMN_REF"
        for name in map(str.lower, found["column_names"])
    )
    query = Query(
        policy=policy,
        columns=columns,
        outputs=_outputs(node),
        compared=tuple(_compared(nodes)),
        shape=shape_of(node, nodes),
    )
    _refuse_hidden_names(policy, nodes, columns)
    _refuse_other_tables(policy, nodes)
    refuse_impure_functions(policy, nodes)
    _check_params(policy, {str(found["identifier"]) for found in nodes if found.get("class") == "PARAMETER"})
    return query


def _only_select(policy: Policy) -> Node:
    with database().cursor() as connection:
        answer = connection.execute("select json_serialize_sql($sql)", {"sql": policy.sql}).fetchall()[0][0]
    parsed = json.loads(answer)
    if parsed["error"]:
        raise PolicyError(f"policy {policy.name}{_reason(policy, parsed)}")
    if len(parsed["statements"]) != 1:
        raise PolicyError(
            f"policy {policy.name}: {len(parsed['statements'])} statements. A policy is exactly one SELECT."
        )
    node: Node = parsed["statements"][0]["node"]
    return node


def _reason(policy: Policy, parsed: dict[str, str]) -> str:
    if parsed.get("error_type") == "parser":
        line = line_at(policy, int(parsed.get("position", 0)))
        return f", line {line}: {parsed['error_message']}. Mend the SQL."
    return f": {parsed['error_message'].rstrip('.!')}. A policy is exactly one SELECT; it changes and writes nothing."


def _outputs(node: Node) -> tuple[Reference, ...]:
    return tuple(
        Reference(name=str(item["alias"] or (item.get("column_names") or [""])[-1]).lower(), offset=offset_of(item))
        for item in node.get("select_list", [])
    )


def _compared(nodes: list[Node]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        sides = {side.get("class"): side for side in (node.get("left"), node.get("right")) if isinstance(side, dict)}
        if node.get("class") == "COMPARISON" and {"COLUMN_REF", "PARAMETER"} <= sides.keys():
            yield str(sides["COLUMN_REF"]["column_names"][-1]).lower(), str(sides["PARAMETER"]["identifier"])


def _refuse_hidden_names(policy: Policy, nodes: list[Node], columns: tuple[Reference, ...]) -> None:
    for reference in columns:
        if reference.name.startswith("__"):
            raise PolicyError(
                f"policy {policy.name}, line {line_at(policy, reference.offset)}: {reference.name} is of the engine "
                "alone. Use the columns that pipelines/signals/schema.py lists."
            )
    for node in nodes:
        if node.get("type") == "RECURSIVE_CTE_NODE":
            raise PolicyError(f"policy {policy.name}: WITH RECURSIVE may never end. Write rules about single samples.")
        if TABLE in (str(entry["key"]).lower() for entry in _ctes(node)):
            raise PolicyError(f"policy {policy.name}: WITH {TABLE} hides the table of that name. Call it otherwise.")


def _refuse_other_tables(policy: Policy, nodes: list[Node]) -> None:
    inside = {str(entry["key"]).lower() for node in nodes for entry in _ctes(node)}
    for node in nodes:
        kind, name = node.get("type"), str(node.get("table_name") or _function_name(node)).lower()
        table = kind == "BASE_TABLE" and (name not in inside | {TABLE} or bool(node.get("schema_name")))
        if table or (kind == "TABLE_FUNCTION" and name not in TABLE_FUNCTIONS) or kind == "SHOW_REF":
            raise PolicyError(
                f"policy {policy.name}, {at_line(policy, node)}: reads {name!r}. "
                f"A policy reads the table `{TABLE}` alone."
            )
        if node.get("type") == "STAR" and node.get("columns"):
            raise PolicyError(f"policy {policy.name}, {at_line(policy, node)}: COLUMNS() hides names. Write rules out.")
        if node.get("sample"):
            raise PolicyError(f"policy {policy.name}: takes a random sample. Decide by columns; weigh with `weight`.")


def _ctes(node: Node) -> list[Node]:
    return list((node.get("cte_map") or {}).get("map", []))


def _function_name(node: Node) -> str:
    return str((node.get("function") or {}).get("function_name", ""))


def _check_params(policy: Policy, used: set[str]) -> None:
    if missing := sorted(used - policy.params.keys()):
        raise PolicyError(
            f"policy {policy.name}: ${missing[0]} has no default. Add a header line: -- ${missing[0]} = value"
        )
    if unused := sorted(policy.params.keys() - used):
        raise PolicyError(f"policy {policy.name}: ${unused[0]} is declared but no rule uses it. Remove it or use it.")
