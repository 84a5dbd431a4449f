"""Small pools in memory as the workspace has them after reading, without shards."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.curation.duplicates.kinds import find_kind
from pipelines.curation.duplicates.settings import KINDS, Kind
from pipelines.curation.duplicates.workspace import FINGERPRINTS, SIDECAR_COLUMNS, Workspace
from pipelines.layout import Layout
from pipelines.shards.sidecar import SIDECAR

_RECORDS = pa.schema(
    [*(SIDECAR.field(name) for name in SIDECAR_COLUMNS), pa.field("part", pa.int32()), pa.field("shard", pa.int32())]
)
_NAMES = {kind: name for name, kind in KINDS.items()}


def fill(workspace: Workspace, rows: Iterable[Mapping[str, Any]], *, shard: int = 0) -> None:
    """Rows of sidecar and fingerprints in one, as one shard; what a row lacks is null."""
    rows = [{"part": 0, "shard": shard, **row} for row in rows]
    workspace.run("create_samples") if shard == 0 else None
    workspace.add(pa.Table.from_pylist(rows, schema=_RECORDS), pa.Table.from_pylist(rows, schema=FINGERPRINTS.arrow))


def find_in(rows: Iterable[Mapping[str, Any]], *kinds: Kind) -> list[dict[str, Any]]:
    """Rows of what is found, kind by kind."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder), Layout(folder), ())
        fill(workspace, rows)
        found: list[dict[str, Any]] = []
        for kind in kinds:
            find_kind(workspace, kind)
            found.extend({**row, "kind": _NAMES[type(kind)]} for batch in workspace.batches("memberships")
                         for row in batch.to_pylist())  # fmt: skip
        workspace.close()
    return found
