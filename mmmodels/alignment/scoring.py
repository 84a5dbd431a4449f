"""Which samples a model was trained on: their alignment scores are in-sample and say so."""

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from pipelines.curation.splits import Split
from pipelines.curation.views import open_view
from pipelines.layout import Layout


def trained_on(layout: Layout, provenance: Mapping[str, Any]) -> frozenset[str]:
    """uids of the training view that any batch could hold, from the provenance of a bundle.

    Held-out voices count: their pictures and texts are trained on. So do held-out languages of a drawing whose other
    languages are trained on. Only held-out concepts are wholly unseen.
    """
    view = open_view(layout, str(provenance["view"]), str(provenance["view_digest"]))
    table = view.table(["uid", "split"])
    seen = table.filter(pc.field("split") != str(Split.HELD_OUT_CONCEPT))
    return frozenset(map(str, seen["uid"].to_pylist()))
