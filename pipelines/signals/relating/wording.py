"""A list of entries made of a corpus itself: its tags, and the words of its captions that are used often enough.

What MetaCLIP takes from WordNet and Wikipedia a corpus in another domain may not find there.
"""

from collections import Counter
from collections.abc import Iterable

from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.snapshots import num_shards
from pipelines.signals.members import read_samples
from pipelines.signals.words import tokens_of


def own_entries(layout: Layout, snapshots: Iterable[Snapshot], *, min_count: int = 20) -> list[str]:
    """Tags and words that `min_count` captions have, the most frequent first; a caption counts once for each."""
    if min_count < 1:
        raise SignalError(f"min_count = {min_count}: expected 1 or more captions.")
    counts: Counter[str] = Counter()
    for snapshot in snapshots:
        for shard in range(num_shards(layout, snapshot)):
            rows = read_samples(layout, snapshot, shard).select(["caption", "tags"]).to_pylist()
            for row in rows:
                counts.update({*tokens_of(row["caption"] or ""), *filter(None, map(str.strip, row["tags"] or ()))})
    frequent = [(-count, entry) for entry, count in counts.items() if count >= min_count]
    if not frequent:
        raise SignalError(f"no tag or word is in {min_count} captions. Name a lower --min-count.")
    return [entry for _, entry in sorted(frequent)]
