"""The ledger of tombstones: what was withdrawn, by whom, when and why. Rows are added and never taken back.

A tombstone by uid names one sample. One by host, digest or perceptual hash is a rule: it also takes what is packed
later. `pipelines.curation.withdrawing` says which samples a ledger means.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.layout import Layout

KINDS = ("uid", "host", "sha256", "phash")
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("uid", pa.string()),  # null where it is a rule
    ("url", pa.string()),  # whose owner said no, where a look at consent found it
    ("reason", pa.string()),
    ("seen_at", pa.float64()),  # unix seconds
    ("kind", pa.string()),
    ("value", pa.string()),
    ("distance", pa.int32()),  # bits, of a perceptual hash
    ("who", pa.string()),
]
TOMBSTONES: pa.Schema = pa.schema(_COLUMNS)


def read_tombstones(layout: Layout) -> pa.Table:
    """Every row in the order in which they came; a row without a kind is of an earlier release and names a uid."""
    return _completed(storage.read_table(_uri(layout))) if has_tombstones(layout) else TOMBSTONES.empty_table()


def has_tombstones(layout: Layout) -> bool:
    """Cheap, and false for most roots."""
    return storage.exists(_uri(layout))


def add_tombstones(layout: Layout, added: pa.Table) -> int:
    """Append what the ledger does not say yet, one run at a time; how many rows that were.

    `added` may lack columns of TOMBSTONES; of two rows that mean the same the first stays.
    """
    with storage.exclusive(layout.ledger("tombstones"), what="withdrawing samples"):
        before = read_tombstones(layout)
        known = set(_meanings(before))
        rows = []
        for row, meaning in enumerate(_meanings(_completed(added))):
            if meaning not in known:
                known.add(meaning)
                rows.append(row)
        if rows:
            storage.write_table(_uri(layout), pa.concat_tables([before, _completed(added).take(rows)]))
    return len(rows)


def withdrawn_uids(layout: Layout) -> frozenset[str]:
    """The samples that the ledger names one by one; rules are not among them."""
    return frozenset(str(uid) for uid in read_tombstones(layout)["uid"].drop_null().to_pylist())


def remove_urls(layout: Layout, uids: frozenset[str]) -> None:
    """Take the URLs of erased samples out of the ledger: the only change that its rows ever see."""
    with storage.exclusive(layout.ledger("tombstones"), what="erasing samples"):
        found = read_tombstones(layout)
        rows = found.select(["uid", "url"]).to_pylist()
        urls = [None if row["uid"] in uids else row["url"] for row in rows]
        if urls != [row["url"] for row in rows]:
            column = pa.array(urls, pa.string())
            storage.write_table(_uri(layout), found.set_column(TOMBSTONES.get_field_index("url"), "url", column))


def _meanings(table: pa.Table) -> list[tuple[str, str, int]]:
    columns = (table[name].to_pylist() for name in ("kind", "value", "distance"))
    return list(zip(*columns, strict=True))


def _completed(table: pa.Table) -> pa.Table:
    """With all columns; what names a uid and nothing else means that sample."""
    there: dict[str, Any] = {
        field.name: (table[field.name] if field.name in table.column_names else pa.nulls(len(table))).cast(field.type)
        for field in TOMBSTONES
    }
    there["kind"] = pc.fill_null(there["kind"], "uid")
    there["value"] = pc.coalesce(there["value"], there["uid"])
    there["distance"] = pc.fill_null(there["distance"], 0)
    return pa.table(there).cast(TOMBSTONES)


def _uri(layout: Layout) -> str:
    return layout.ledger("tombstones.parquet")
