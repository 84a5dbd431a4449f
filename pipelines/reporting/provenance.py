"""What decided a view: the policy as it was applied, and the digests of everything that went in."""

import json
from collections.abc import Iterator, Mapping
from html import escape

from pipelines.curation.policy import Policy
from pipelines.reporting.page import Markup, facts, table


def policy_section(applied: Policy, defaults: Policy) -> str:
    """The SQL as text, and every parameter with the value it had."""
    rows = [
        (f"${name}", json.dumps(value), _applied(value, applied.params[name]))
        for name, value in defaults.params.items()
    ]
    values = table(("parameter", "default", "applied"), rows, caption="Parameters as applied") if rows else ""
    sql = f'<pre tabindex="0" role="region" aria-label="The policy as SQL"><code>{escape(applied.sql)}</code></pre>'
    return f"{values}<h3>SQL</h3>{sql}"


def _applied(default: object, value: object) -> str:
    """In bold where it was changed."""
    told = json.dumps(value)
    return told if value == default else Markup(f"<b>{escape(told)}</b>")


def inputs_section(inputs: Mapping[str, object]) -> str:
    """Name -> digest or value of everything that the verdicts depend on."""
    return facts((name, Markup(f"<code>{escape(value)}</code>")) for name, value in _flat(inputs))


def _flat(value: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    for name, one in value.items():
        if name in ("policy", "params"):
            continue  # they have a section of their own
        if isinstance(one, Mapping):
            yield from _flat(one, f"{before}{name} ")
        else:
            yield f"{before}{name}".replace("_", " "), one if isinstance(one, str) else _short(one)


def _short(value: object) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        rest = f" and {len(value) - 8:,} more" if len(value) > 8 else ""
        return (", ".join(value[:8]) or "none") + rest
    return json.dumps(value)
