"""Where the nodes of a parsed policy stand in its text."""

from collections.abc import Iterator
from typing import Any

from pipelines.curation.policy import Policy

Node = dict[str, Any]


def walk(value: object) -> Iterator[Node]:
    """The node and all that are in it."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from walk(part)


def offset_of(node: Node) -> int:
    """In UTF-8 bytes from the start of the text; 0 where DuckDB does not say."""
    offset = int(node.get("query_location", 0))
    return offset if offset < 1 << 62 else 0  # DuckDB's "nowhere" is 2**64 - 1


def at_line(policy: Policy, node: Node) -> str:
    """`line 7`, for messages."""
    return f"line {line_at(policy, offset_of(node))}"


def line_at(policy: Policy, offset: int) -> int:
    """From 1."""
    return policy.sql.encode()[:offset].count(b"\n") + 1
