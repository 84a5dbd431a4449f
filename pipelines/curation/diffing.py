"""What changed between two views: samples added, removed, moved to another split, and which rules did it."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from pipelines.curation.queries import run_sql
from pipelines.curation.views import View

_COLUMNS = ["uid", "kept", "first_fault", "split", "language", "source"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """Two views by uid, old to new."""

    num_kept_by_both: int
    num_added: int
    num_removed: int
    num_moved: int
    """Kept by both, in another split."""
    changes: pa.Table
    """change (added | removed), cause (the fault that let go or took hold, `absent` where one side has no such
    sample), language, source, num_samples."""

    def by(self, change: str, what: str) -> dict[str, int]:
        """Samples `added` or `removed` by `cause`, `language` or `source`, the most first."""
        counts: Counter[str] = Counter()
        for row in self.changes.to_pylist():
            if row["change"] == change:
                counts[row[what]] += row["num_samples"]
        return dict(counts.most_common())


def diff(old: View, new: View) -> Difference:
    """Views of one name or two, of one snapshot or two."""
    sides = run_sql("diff", old=old.verdicts(_COLUMNS), new=new.verdicts(_COLUMNS))
    totals = run_sql("diff_totals", sides=sides).to_pylist()[0]
    return Difference(**totals, changes=run_sql("diff_changes", sides=sides))
