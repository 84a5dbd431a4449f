"""Stored views with verdicts of our choice, in the files that a view has; nothing is packed or judged for them."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipelines import storage
from pipelines.curation.views import SCHEMA_VERSION, View, open_view
from pipelines.layout import Layout

FACETS = ("corpus", "snapshot", "split", "language", "source", "license", "modalities")
_VERDICTS = pa.schema(
    [
        ("uid", pa.string()), ("corpus", pa.string()), ("snapshot", pa.string()), ("shard", pa.int32()),
        ("source_row", pa.int64()), ("kept", pa.bool_()), ("first_fault", pa.string()), ("faults", pa.uint64()),
        ("weight", pa.float32()), ("facet", pa.int32()),
    ]
)  # fmt: skip


def store(
    layout: Layout,
    digest: str,
    rows: Sequence[Mapping[str, object]],
    *,
    faults: Sequence[str],
    shards: Mapping[str, str],
    sql: str = "select uid from samples",
    per_file: int = 3,
    **inputs: object,
) -> View:
    """`rows` have uid, corpus, faults (bits), weight, split, language; `shards` is the digest of each corpus's."""
    facets: dict[tuple[object, ...], int] = {}
    verdicts = []
    for number, row in enumerate(rows):
        values = {"snapshot": "one", "source": "s", "license": "CC0", "modalities": "text", **row}
        facet = facets.setdefault(tuple(values[name] for name in FACETS), len(facets))
        bits = int(str(row["faults"]))
        first = faults[(bits & -bits).bit_length() - 1] if bits else None
        given = {"shard": 0, "source_row": number, "kept": not bits, "first_fault": first, "facet": facet}
        verdicts.append({name: {**values, **given}[name] for name in _VERDICTS.names})
    digest = digest.ljust(64, "0")
    uri = layout.view("made", digest)
    for start in range(0, max(1, len(verdicts)), per_file):
        table = pa.Table.from_pylist(verdicts[start : start + per_file], schema=_VERDICTS)
        storage.write_table(f"{uri}/verdicts/{start:08d}.parquet", table)
    known = [dict(zip(FACETS, values, strict=True), facet=facet) for values, facet in facets.items()]
    kinds = pa.schema([*((name, pa.string()) for name in FACETS), ("facet", pa.int32())])
    storage.write_table(f"{uri}/facets.parquet", pa.Table.from_pylist(known, schema=kinds))
    storage.write_atomic(f"{uri}/policy.sql", sql.encode())
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "faults": list(faults),
        "snapshots": [{"corpus": corpus, "snapshot": "one"} for corpus in shards],
        "policy": {"name": "made", "sha256": "", "description": ""},
        "inputs": {"shards": list(shards.values()), "params": {}, "signals": {}, "tombstones": [], **inputs},
        "num_samples": len(rows),
        "num_kept": sum(row["kept"] for row in verdicts),
    }
    storage.write_json(f"{uri}/view.json", manifest)
    return open_view(layout, "made", digest)
