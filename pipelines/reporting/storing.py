"""Pages where everybody looks for them: the card of a view in its folder; and that none shows what was withdrawn."""

from collections.abc import Iterator, Sequence

from pipelines import storage
from pipelines.curation.views import View, open_view, stored_digests
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.reporting.card import card_of
from pipelines.reporting.croissant import croissant_json
from pipelines.samples import Snapshot


def write_card(view: View) -> str:
    """Write `card.html` and `croissant.json` of a stored view as of today; the URI of the card.

    They are no part of the view, which is never changed: once samples are withdrawn they are written again.
    """
    uri = f"{view.uri}/card.html"
    storage.write_atomic(uri, card_of(view).encode())
    storage.write_atomic(f"{view.uri}/croissant.json", croissant_json(view, folder=view.uri))
    return uri


def renew_pages(layout: Layout, snapshots: Sequence[Snapshot]) -> list[str]:
    """Every stored page that may show samples of these snapshots, without what is withdrawn; their URIs.

    Cards are made again. Pages of shards, and cards of views that cannot be read any more, are removed.
    """
    return [*_renewed_cards(layout, snapshots), *_removed_pages(layout, snapshots)]


def _renewed_cards(layout: Layout, snapshots: Sequence[Snapshot]) -> Iterator[str]:
    for name in storage.names(layout.views()):
        for digest in stored_digests(layout, name):
            uri = f"{layout.view(name, digest)}/card.html"
            if not storage.exists(uri):
                continue
            try:
                view = open_view(layout, name, digest)
            except PolicyError:  # of an earlier release
                storage.remove(uri)
                continue
            if set(view.snapshots) & set(snapshots):
                yield write_card(view)


def _removed_pages(layout: Layout, snapshots: Sequence[Snapshot]) -> Iterator[str]:
    for snapshot in snapshots:
        folder = layout.report(f"shards/{snapshot}")
        for name in storage.names(folder, ".html"):
            storage.remove(f"{folder}/{name}")
            yield f"{folder}/{name}"
