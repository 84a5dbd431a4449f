"""Which view passed the check of drift last: what the next one is compared with, whatever was materialized between."""

from typing import Any

from pipelines import storage
from pipelines.curation.views import View, open_view
from pipelines.errors import PolicyError
from pipelines.layout import Layout


def accepted_view(layout: Layout, asset: str, line: str) -> View | None:
    """Of an asset and a line of its partitions (a corpus, or a declared view); None where none is stored."""
    uri = _uri(layout, asset, line)
    if not storage.exists(uri):
        return None
    known: dict[str, Any] = storage.read_json(uri)
    try:
        return open_view(layout, known["view"], known["digest"])
    except PolicyError:  # removed, or of an earlier release
        return None


def accept(layout: Layout, asset: str, line: str, view: View) -> None:
    """From now on the next one is compared with this."""
    storage.write_json(_uri(layout, asset, line), {"view": view.view, "digest": view.digest})


def _uri(layout: Layout, asset: str, line: str) -> str:
    return layout.ledger(f"accepted/{asset}/{line}.json")
