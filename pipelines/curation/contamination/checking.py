"""Whether a stored view keeps to what is declared today: a set may have been declared after it was curated."""

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.contamination.declaring import evaluation_sets_for
from pipelines.curation.contamination.finding import HITS, Hit, find_contamination
from pipelines.curation.contamination.thresholds import Thresholds
from pipelines.curation.queries import run_sql
from pipelines.curation.splits import Split
from pipelines.curation.views import View


def check_contamination(view: View, *, settings: Thresholds | None = None, at_most: int = 1000) -> list[Hit]:
    """Every kept training sample of a stored view that gives an evaluation set away (at most so many hits), by what is
    declared today and what its policy names; none is the proof that what the declared views ask was not trained on."""
    return [Hit(**row) for row in contaminated_in(view, settings=settings).slice(0, at_most).to_pylist()]


def contaminated_in(view: View, *, settings: Thresholds | None = None) -> pa.Table:
    """All hits of a stored view, as HITS, sorted."""
    sets = evaluation_sets_for(view.layout, view.view, _named_by_policy(view))
    if not sets:
        return HITS.empty_table()
    found = find_contamination(view.layout, view.snapshots, evaluation_sets=sets, settings=settings)
    kept = view.verdicts(["uid", "kept", "split"])
    trained = kept.filter(pc.and_(kept["kept"], pc.equal(kept["split"], pa.scalar(str(Split.TRAIN)))))
    return run_sql("contaminated", hits=storage.read_table(found.uri), kept=trained).cast(HITS)


def _named_by_policy(view: View) -> list[str]:
    """The sets that the view was checked against when it was curated, as VIEW/DIGEST."""
    named = view.manifest["inputs"].get("evaluation_sets", [])
    return [f"{one['view']}/{one['digest']}" for one in named]
