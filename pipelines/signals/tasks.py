"""What goes to a worker that measures, and what comes back: places and figures, never anything decoded."""

from dataclasses import dataclass

from pipelines.layout import Layout
from pipelines.samples import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardTask:
    """The families that one shard lacks."""

    layout: Layout
    snapshot: Snapshot
    shard: int
    tar_sha256: str
    families: tuple[str, ...]

    def __str__(self) -> str:
        return self.layout.tar(self.snapshot, self.shard)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One family of one shard."""

    num_samples: int
    seconds: float
    """Decoding counts for the first family that needed it."""
    file_sha256: str


def measure_shard(task: ShardTask) -> dict[str, Measured]:
    """Write the families of one shard; what measures is imported where it runs, not where tasks are made."""
    from pipelines.signals.measurers import measure_shard as measure_here

    return measure_here(task)
