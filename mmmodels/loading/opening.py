"""Who reads and where copies lie, out of a configuration."""

from pathlib import Path

from mmmodels.loading.copies import LocalCopies
from mmmodels.loading.loader import Source
from mmmodels.loading.tars import Tars
from mmmodels.loading.workers import Processes, Threads, Workers
from mmmodels.recipes import LoadingConfig
from pipelines import storage
from pipelines.layout import Layout
from pipelines.parallel import num_cores


def open_tars(config: LoadingConfig, layout: Layout, *, state: str) -> Tars:
    """Of a root; `state` is a digest that covers its shards, so that copies of others are never taken for them."""
    if storage.is_local(layout.root):
        return Tars()
    folder = Path(config.copies_folder) if config.copies_folder else Path.home() / ".cache" / "trivium" / "copies"
    return Tars(LocalCopies(folder=folder, max_bytes=int(config.copies_gigabytes * 1e9), namespace=state))


def open_workers(config: LoadingConfig, source: Source, *, num_ranks_here: int = 1) -> Workers:
    """Threads or processes as asked for; none are started before there is something to decode."""
    count = config.workers if config.workers >= 0 else num_cores() // num_ranks_here
    tars = next(iter(source.media.values())).tars
    return (Processes if config.workers_are == "processes" else Threads)(max(1, count), tars)
