"""The funnel of a view, counted from its verdict files: what each fault does, overall and by facet."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipelines.curation.queries import run_files
from pipelines.curation.splits import Split
from pipelines.curation.verdicts import Faults
from pipelines.layout import Layout

MAX_VALUES = 1000
"""Of one facet; beyond it the values with the fewest samples are counted together as OTHER."""
OTHER = "(other)"


def count_funnel(
    layout: Layout, files: list[str], facets: str, faults: Faults, failures: Mapping[str, int]
) -> pa.Table:
    """See sql/funnel.sql. `files` are of verdicts; `failures` are records without a sample, by status."""
    bits = [1 << position for position in range(len(faults.names))]
    named = pa.table(
        {
            "position": pa.array(range(len(bits)), pa.int32()),
            "fault": pa.array(faults.names, pa.string()),
            "bit": pa.array(bits, pa.uint64()),
            "below": pa.array([bit - 1 for bit in bits], pa.uint64()),
        }
    )
    failed = pa.table(
        {
            "fault": pa.array(failures.keys(), pa.string()),
            "num_records": pa.array(failures.values(), pa.int64()),
        }
    )
    return run_files(
        layout,
        "funnel",
        {"files": files, "facets": [facets]},
        params={"max_values": MAX_VALUES, "other": OTHER},
        faults=named,
        failures=failed,
    )


def counts_of(funnel: pa.Table) -> dict[str, object]:
    """What a view's manifest says in numbers."""
    rows: list[dict[str, Any]] = [row for row in funnel.to_pylist() if row["position"] >= 0]
    every = [row for row in rows if row["section"] == "all"]
    last = max((row["position"] for row in every), default=0)
    kept = {row["value"]: row["num_before"] - row["num_first"] for row in rows
            if row["section"] == "split" and row["position"] == last}  # fmt: skip
    return {
        "num_samples": every[0]["num_before"] if every else 0,
        "num_kept": sum(kept.values()),
        "num_kept_by_split": {str(split): kept.get(str(split), 0) for split in Split},
        "dropped_by_fault": {row["fault"]: row["num_first"] for row in every},
    }
