"""Where a record is: every row of every sidecar that has an id, a url or a name, and who else has the same content."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import duckdb

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.layout import Layout
from pipelines.shards.snapshots import choose_snapshots

By = Literal["uid", "sha256", "url", "reference"]
_SQL = Path(__file__).parent / "sql" / "find.sql"
_DIGESTS = ("sha256_stored", "image_sha256", "audio_sha256")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Rows as columns of the sidecar, each with its corpus, snapshot and shard."""

    matches: tuple[Mapping[str, Any], ...]
    same_content: tuple[Mapping[str, Any], ...]
    """Other references, in any corpus, to what a match shows and says: one content under several names."""


def find(layout: Layout, by: By, value: str, *, corpus: str | None = None) -> Found:
    """Look through all sidecars of a root; `ShardError` where no row has it."""
    files = [uri for uri in _sidecars(layout) if corpus is None or f"/shards/{corpus}/" in uri]
    wanted: dict[str, object] = {"files": files, **dict.fromkeys(get_args(By)), by: value}
    with duckdb.connect(":memory:") as connection:
        if not storage.is_local(layout.root):
            connection.register_filesystem(storage.filesystem_of(layout.root)[0])
        result = connection.execute(_SQL.read_text(encoding="utf-8"), wanted)
        names = [column[0] for column in result.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    if not rows:
        raise ShardError(
            f"{layout.root}: no row of {len(files)} sidecars has {by} {value!r}. Look at its spelling; what was never "
            "packed is not there."
        )
    found = [(row.pop("is_match"), _placed(row)) for row in rows]
    return Found(
        matches=tuple(row for is_match, row in found if is_match),
        same_content=tuple(row for is_match, row in found if not is_match),
    )


def _sidecars(layout: Layout) -> list[str]:
    """Of finished shards; the paths as DuckDB is to open them."""
    found = []
    for snapshot in choose_snapshots(layout):
        stats = storage.names(layout.shards(snapshot), "_stats.json")
        found += [layout.sidecar(snapshot, int(name.removesuffix("_stats.json"))) for name in stats]
    return [uri.removeprefix("file://") for uri in found]


def _placed(row: dict[str, Any]) -> dict[str, Any]:
    corpus, snapshot, file = row.pop("file").rsplit("/", 3)[-3:]
    own = {name: value for name, value in row.items() if name not in _DIGESTS and value is not None}
    return {"corpus": corpus, "snapshot": snapshot, "shard": int(file.removesuffix(".parquet")), **own}
