"""One partition is one corpus at one moment, `openmoji/17.0.0`; every asset of the journey has the same ones.

Views that engineers declare for themselves are partitions of another kind: see `declared.py`.

One dynamic dimension, not corpus x snapshot as two: every corpus has its own snapshots, so most cells of a product
would never exist, yet would be counted, drawn as missing and launched by "all partitions".
"""

import dagster as dg

from pipelines.samples import Snapshot

SNAPSHOTS = dg.DynamicPartitionsDefinition(name="snapshots")
VIEWS = dg.DynamicPartitionsDefinition(name="views")
"""Names in `views.toml`."""


def key_of(snapshot: Snapshot) -> str:
    """The partition key of a snapshot."""
    return str(snapshot)


def snapshot_of(key: str) -> Snapshot:
    """The snapshot behind a partition key."""
    corpus, _, snapshot = key.partition("/")
    return Snapshot(corpus=corpus, snapshot=snapshot)
