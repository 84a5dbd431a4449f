"""Which of a view's digests is the current one: the last that was curated or restored under its name.

A view is never changed, its name is: `views/<view>/current.json` says what the name stands for today, and stood for
before. Whoever writes a whole `VIEW/DIGEST` does not depend on it.
"""

from datetime import UTC, datetime
from typing import Any

from pipelines import storage
from pipelines.layout import Layout


def current_digest(layout: Layout, view: str) -> str | None:
    """None where nothing was curated under that name, or by a release that did not keep it."""
    turns = history(layout, view)
    return str(turns[-1]["digest"]) if turns else None


def make_current(layout: Layout, view: str, digest: str, *, at: datetime | None = None) -> None:
    """Nothing to do where it is; `at` is now."""
    turns = history(layout, view)
    if turns and turns[-1]["digest"] == digest:
        return
    moment = (at or datetime.now(UTC)).isoformat(timespec="seconds")
    storage.write_json(layout.current_view(view), {"turns": [*turns, {"digest": digest, "at": moment}]})


def history(layout: Layout, view: str) -> list[dict[str, Any]]:
    """digest, at (ISO 8601) of every turn, oldest first; one digest may have several."""
    uri = layout.current_view(view)
    turns = storage.read_json(uri)["turns"] if storage.exists(uri) else []
    assert isinstance(turns, list)
    return turns
