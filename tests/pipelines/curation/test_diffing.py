from typing import Any

from pipelines.curation.curating import curate
from pipelines.curation.diffing import diff
from pipelines.curation.policy import parse_policy
from pipelines.curation.views import open_view

OLD = parse_policy("old", "select uid, caption = 'number 0' as zero, caption = 'number 1' as one from samples")
NEW = parse_policy("new", "select uid, caption in ('number 0', 'number 2', 'number 3') as other from samples")


def test_a_difference_names_the_rule_that_let_go_or_took_hold(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus(made.things(6))
    old, new = (
        open_view(layout, policy.name, curate(layout, [snapshot], policy=policy, view=policy.name).digest)
        for policy in (OLD, NEW)
    )
    found = diff(old, new)
    assert (found.num_kept_by_both, found.num_added, found.num_removed, found.num_moved) == (2, 1, 2, 0)
    assert found.by("added", "cause") == {"one": 1}
    assert found.by("removed", "cause") == {"other": 2}
    assert found.by("removed", "language") == {"en": 2}
    nothing = diff(old, old)
    assert (nothing.num_kept_by_both, nothing.num_added, nothing.num_removed) == (4, 0, 0)
    assert nothing.changes.num_rows == 0
