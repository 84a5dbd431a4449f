"""What changed since the same partition was materialized last, as metadata."""

from typing import Any

import dagster as dg

from assets import upstream
from assets.markdown import table
from pipelines.curation.diffing import diff
from pipelines.curation.views import View, open_view
from pipelines.errors import PolicyError

_MAX_ROWS = 20


def since_last(context: dg.AssetExecutionContext, view: View) -> dict[str, Any]:
    """Added and removed samples with the rules that did it; a sentence where there is nothing to compare."""
    last = upstream.find_latest(context, context.asset_key)
    if last is None:
        return {"since_last": "the first materialization of this partition"}
    if last.data_version == view.digest:
        return {"since_last": "the same view as before"}
    try:
        before = open_view(view.layout, last["view"], last.data_version)
    except PolicyError:
        return {"since_last": f"view {last['view']}/{last.data_version[:12]} is not stored any more"}
    found = diff(before, view)
    totals = found.totals
    rows = [
        [change, cause, number]
        for change in ("added", "removed")
        for cause, number in list(found.by(change, "cause").items())[:_MAX_ROWS]
    ]
    return {
        "since_last": f"{totals.num_added:,} added, {totals.num_removed:,} removed, "
        f"{totals.num_kept_by_both:,} in both",
        "changes": table(["change", "because of", "samples"], rows),
        "num_added": totals.num_added,
        "num_removed": totals.num_removed,
        "before": f"{before.view}/{before.digest}",
    }
