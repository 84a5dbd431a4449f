"""Signals that an earlier snapshot of the corpus has of the same shards: linked instead of measured again."""

from collections.abc import Sequence

from pipelines import storage
from pipelines.shards.snapshots import snapshots_of
from pipelines.signals.files import Shards
from pipelines.signals.markers import read_marker


def reuse_signals(shards: Shards, key: str, missing: Sequence[int]) -> dict[int, str]:
    """Link files of the same tars for shards that lack the family; the sha256 of each by shard.

    Only for families whose files depend on their own shard alone. Another snapshot counts where it was finished.
    """
    wanted = {shards.tars[shard]: shard for shard in missing}
    linked: dict[int, str] = {}
    for other in snapshots_of(shards.layout, shards.snapshot.corpus) if wanted else ():
        if other == shards.snapshot:
            continue
        marker = read_marker(shards.layout, key, other)
        there = set(storage.names(shards.layout.signals(key, other), ".parquet")) if marker.files else ()
        found = {
            shards.layout.signal(key, other, theirs): (wanted.pop(tar), file)
            for theirs, (tar, file) in marker.files.items()
            if tar in wanted and f"{theirs:08d}.parquet" in there
        }
        storage.same_files(
            {uri: shards.layout.signal(key, shards.snapshot, shard) for uri, (shard, _) in found.items()}
        )
        linked.update(found.values())
    return linked
