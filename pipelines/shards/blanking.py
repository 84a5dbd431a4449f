"""The rows of a shard from which samples were erased, and what its stats then say."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.shards.sidecar import MEMBERS, SIDECAR, SUCCESS, WITHDRAWN

Span = tuple[int, int]
"""(start, end) of bytes in a tar."""


def blanked(table: pa.Table, gone: Sequence[bool], removed: Sequence[Span]) -> pa.Table:
    """The rows as they are, moved offsets apart; of what is gone only its uid, its place and that it was withdrawn."""
    blank = [
        {
            "uid": row["uid"],
            "key": row["uid"],
            "source_row": row["source_row"],
            "status": WITHDRAWN,
            "error_message": "withdrawn: erased from the shard",
            "transient": False,
        }
        for row in table.select(["uid", "source_row"]).filter(pa.array(gone)).to_pylist()
    ]
    numbers = iter(range(len(table), len(table) + len(blank)))
    order = [next(numbers) if is_gone else row for row, is_gone in enumerate(gone)]
    whole = pa.concat_tables([table, pa.Table.from_pylist(blank, schema=SIDECAR)]).take(order).combine_chunks()
    for member in MEMBERS:
        place = SIDECAR.get_field_index(f"{member}_offset")
        moved = [_moved(offset, removed) for offset in whole.column(place).to_pylist()]
        whole = whole.set_column(place, SIDECAR.field(place), pa.array(moved, pa.int64()))
    return whole


def _moved(offset: int | None, removed: Sequence[Span]) -> int | None:
    if offset is None:
        return None
    return offset - sum(end - start for start, end in removed if start < offset)


def counts_of(rows: pa.Table) -> dict[str, object]:
    """What stats say of the rows, as when they were packed."""
    samples = rows.filter(pc.field("status") == SUCCESS)
    columns: list[list[Any]] = [samples[name].to_pylist() for name in ("image_sha256", "caption", "audio_sha256")]
    parts = Counter(
        "+".join(name for name, there in zip(("image", "text", "audio"), row, strict=True) if there)
        for row in zip(*columns, strict=True)
    )
    return {
        "successes": len(samples),
        "status_dict": dict(Counter(rows["status"].to_pylist())),
        "n_by_parts": dict(parts),
        "n_by_language": dict(Counter(map(str, samples["language"].to_pylist()))),
        "n_by_license": dict(Counter(map(str, samples["license"].to_pylist()))),
    }
