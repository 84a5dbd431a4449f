"""Pools of made-up samples as gathered files, and what a policy says of them."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.curation.gathering import Gathered
from pipelines.curation.parsing import Query, parse
from pipelines.curation.policy import parse_policy
from pipelines.curation.pooling import Samples
from pipelines.curation.ruling import Ruling, rule
from pipelines.curation.views import FACETS
from pipelines.curation.writing import write_verdicts
from pipelines.samples import Snapshot


def uid(number: int) -> str:
    return f"{number:032x}"


def pool(folder: Path, table: Mapping[str, Sequence[object]], *, rows_per_file: int = 1000) -> Samples:
    """One part with these columns; a column `facet` says which of several combinations a sample is of."""
    given = {name: _whole(values) for name, values in table.items() if name != "facet"}
    count = len(given["uid"])
    engine = {
        "__shard": pa.array([row // rows_per_file for row in range(count)], pa.int32()),
        "__source_row": pa.array(range(count), pa.int64()),
        "__split": pa.array(["train"] * count, pa.string()),
        "__facet": pa.array(table.get("facet", [0] * count), pa.uint64()),
        "__unmeasured": pa.array([0] * count, pa.uint64()),
    }
    whole = pa.table(given | engine)
    files, counts = [], []
    for number, start in enumerate(range(0, max(count, 1), rows_per_file)):
        part = whole.slice(start, rows_per_file)
        files.append(str(folder / f"{number:08d}.parquet"))
        counts.append(len(part))
        # Written as the engine's own: the statistics of pyarrow leave NaN out, and DuckDB then finds none.
        pq.write_table(part, files[-1], write_statistics=False)
    named = {name: [f"{name} {number % 3}" for number in range(9)] for name in FACETS}
    facets = pa.table({"facet": pa.array(range(9), pa.uint64()), **named})
    pq.write_table(facets, folder / "facets.parquet")
    one = Gathered(
        snapshot=Snapshot(corpus="things", snapshot="one"), files=tuple(files), counts=tuple(counts),
        facets=str(folder / "facets.parquet"), families=(),
    )  # fmt: skip
    return Samples(parts=(one,), repeated="", num_repeated=0)


def _whole(values: Any) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else pa.array(values)


def ruled(folder: Path, sql: str, samples: Samples, **params: object) -> Ruling:
    """The policy, checked and, where it must see everything, run."""
    query = parse(parse_policy("mine", sql).with_params(params))
    return rule(query, samples, folder, kinds=("exact", "near_image"))


def verdicts(folder: Path, sql: str, samples: Samples, **params: object) -> list[dict[str, Any]]:
    """As they are written, in the order of their rows."""
    out = folder / "view"
    write_verdicts(str(out), ruled(folder, sql, samples, **params), None)
    return [row for file in sorted(out.glob("verdicts/*.parquet")) for row in pq.read_table(file).to_pylist()]


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """What a policy says of each sample of a table, in its order."""

    faults: dict[str, NDArray[np.bool_]]
    weight: NDArray[np.float32]


def evaluate(query: Query, table: pa.Table, *, rows_per_file: int = 1_000_000) -> Ruled:
    """Judge a table as a pool is judged, from files, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        samples = pool(Path(folder), {name: table[name] for name in table.column_names}, rows_per_file=rows_per_file)
        found = rule(query, samples, Path(folder), kinds=("exact", "near_image"))
        write_verdicts(f"{folder}/view", found, None)
        written = [pq.read_table(file) for file in sorted(Path(folder).glob("view/verdicts/*.parquet"))]
    rows = pa.concat_tables(written)
    assert rows["uid"].to_pylist() == table["uid"].to_pylist()
    bits = rows["faults"].to_numpy()
    rules = {
        name: (bits >> np.uint64(found.faults.names.index(name)) & np.uint64(1)).astype(bool)
        for name in found.columns.faults
    }
    return Ruled(faults=rules, weight=rows["weight"].to_numpy())
