"""Which samples a model was trained on: their alignment scores are in-sample and say so."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.curation.splits import Split
from pipelines.curation.views import open_view
from pipelines.layout import Layout
from pipelines.signals.folds import fold_column


def trained_on(layout: Layout, provenance: Mapping[str, Any]) -> frozenset[str]:
    """uids of the training views that any batch could hold, from the provenance of a bundle.

    Held-out voices count: their pictures and texts are trained on. So do held-out languages of a drawing whose other
    languages are trained on. Only held-out concepts are wholly unseen, and the half that cross-fitting left out.
    """
    views = provenance.get("views") or [provenance]
    opened = (open_view(layout, str(one["view"]), str(one["view_digest"])) for one in views)
    table = pa.concat_tables([view.table(["uid", "split", "group"]) for view in opened])
    seen = table.filter(pc.field("split") != str(Split.HELD_OUT_CONCEPT))
    if (left_out := provenance.get("without_fold", -1)) >= 0:
        seen = seen.filter(pa.array(fold_column(seen["group"]) != left_out))
    return frozenset(map(str, seen["uid"].to_pylist()))
