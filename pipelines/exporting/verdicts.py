"""For people: every sample of a view with its verdict and all its reasons in words."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pipelines import storage
from pipelines.curation.views import find_view
from pipelines.errors import PolicyError
from pipelines.exporting.handing import Handing, Result

_COLUMNS = ["corpus", "snapshot", "shard", "uid", "kept", "first_fault", "faults", "split", "weight"]


def export_verdicts(handing: Handing) -> Result:
    """`verdicts.parquet` and `verdicts.csv`, with `faults` as names joined by a space."""
    if not handing.selection.is_view:
        raise PolicyError(f"{handing.selection.name}: verdicts are of a view. Name one with --view.")
    view, output = find_view(handing.selection.layout, handing.selection.name), handing.output
    verdicts = view.verdicts(_COLUMNS)
    if handing.splits:
        verdicts = verdicts.filter(pc.field("split").isin(list(handing.splits)))
    bits, positions = np.unique(verdicts["faults"].to_numpy(), return_inverse=True)
    named = [" ".join(name for bit, name in enumerate(view.faults) if value >> bit & 1) for value in bits.tolist()]
    faults = pa.array(named, pa.string()).take(positions)
    table = verdicts.set_column(_COLUMNS.index("faults"), "faults", faults)
    storage.write_table(f"{output}/verdicts.parquet", table)
    with storage.replacing(f"{output}/verdicts.csv") as path:
        pacsv.write_csv(table, path)
    return {"num_samples": len(table), "num_kept": int(np.count_nonzero(table["kept"].to_numpy()))}
