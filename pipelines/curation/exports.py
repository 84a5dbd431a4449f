"""What has left a root: every export of a view or a snapshot is written down here, so that it can be found when one of
its samples is withdrawn."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pipelines import storage
from pipelines.errors import StorageError
from pipelines.layout import Layout
from pipelines.samples import digest_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """One folder that holds samples of this root, or names them."""

    output: str
    format: str
    view: str
    """Its name; empty where a snapshot was exported without one."""
    view_digest: str
    """Empty where there is no view."""
    effective_digest: str
    """Of the view less what was withdrawn before; of the snapshot where there is no view."""
    snapshots: tuple[str, ...]
    """`corpus/snapshot` of each."""
    splits: tuple[str, ...]
    """Empty: all."""
    started_at: float
    """Unix seconds."""
    finished_at: float | None = None
    """None where it never came to an end: some of the samples may be there all the same."""
    num_samples: int = 0

    @property
    def key(self) -> str:
        """One for each state of each folder: another export into it does not hide this one."""
        return digest_of([self.output, self.format, self.effective_digest, list(self.snapshots), list(self.splits)])[
            :32
        ]


def register_export(layout: Layout, export: Export) -> None:
    """Before the first byte is handed over, and again at the end."""
    storage.write_json(f"{layout.ledger('exports')}/{export.key}.json", asdict(export))


def registered_exports(layout: Layout) -> Iterator[Export]:
    """All of them, the oldest first."""
    folder = layout.ledger("exports")
    uris = (f"{folder}/{name}" for name in storage.names(folder, ".json"))
    yield from sorted(storage.read_many(_read, uris), key=lambda export: export.started_at)


def _read(uri: str) -> Export:
    try:
        value: dict[str, Any] = storage.read_json(uri)
        lists = {name: tuple(map(str, value[name])) for name in ("snapshots", "splits")}
        return Export(**{**value, **lists})
    except StorageError:
        raise
    except (TypeError, ValueError, KeyError) as error:
        raise StorageError(f"{uri}: says nothing of an export ({error}). Remove it, or upgrade Trivium.") from error
