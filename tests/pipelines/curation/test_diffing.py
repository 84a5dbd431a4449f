import tempfile
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.curation.changed_inputs import changed_inputs, policy_changes
from pipelines.curation.curating import curate
from pipelines.curation.diffing import Difference, diff, matched_corpora
from pipelines.curation.policy import parse_policy
from pipelines.curation.views import open_view
from pipelines.layout import Layout
from tests.pipelines.curation.stored_views import store

OLD = parse_policy("old", "select uid, caption = 'number 0' as zero, caption = 'number 1' as one from samples")
NEW = parse_policy("new", "select uid, caption in ('number 0', 'number 2', 'number 3') as other from samples")
FAULTS = ("tombstoned", "repeated_uid", "small", "dark", "duplicate")


def test_a_difference_names_the_rule_that_let_go_or_took_hold(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus(made.things(6))
    old, new = (
        open_view(layout, policy.name, curate(layout, [snapshot], policy=policy, view=policy.name).digest)
        for policy in (OLD, NEW)
    )
    found = diff(old, new)
    totals = found.totals
    assert (totals.num_kept_by_both, totals.num_added, totals.num_removed, totals.num_moved) == (2, 1, 2, 0)
    assert (totals.num_old, totals.num_new, totals.num_old_samples) == (4, 3, 6)
    assert found.by("added", "cause") == {"one": 1}
    assert found.by("removed", "cause") == {"other": 2}
    assert found.by("removed", "language") == {"en": 2}
    assert [(row["old_fault"], row["new_fault"], row["num_samples"]) for row in found.reasons] == [("zero", "other", 1)]
    assert "-select uid, caption = 'number 0' as zero, caption = 'number 1' as one from samples" in found.policy
    nothing = diff(old, old)
    assert (nothing.totals.num_kept_by_both, nothing.totals.num_added, nothing.totals.num_removed) == (4, 0, 0)
    assert (nothing.causes, nothing.reasons, nothing.inputs, nothing.policy) == ([], [], [], [])


ROW = st.fixed_dictionaries(
    {
        "faults": st.sampled_from([0, 0, 0, 4, 8, 12, 16, 20, 1]),
        "weight": st.sampled_from([1.0, 0.5]),
        "split": st.sampled_from(["train", "held_out_concept"]),
        "language": st.sampled_from(["en", "fr", ""]),
    }
)
POOL = st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 12)), st.tuples(ROW, ROW), min_size=1)


def rows_of(pool: dict, side: int, corpora: str) -> list[dict]:
    keys = sorted((key for key in pool if key[0] in corpora), key=lambda key: (corpora.index(key[0]), key[1]))
    return [{**pool[key][side], "uid": f"{key[0]}{key[1]:031x}", "corpus": key[0]} for key in keys]


def expected(old: list[dict], new: list[dict]) -> tuple[Counter, Counter]:
    """(what became of samples, causes) one sample after the other."""
    before, after = ({row["uid"]: row for row in rows} for rows in (old, new))
    changes, causes = Counter(), Counter()
    for uid in {*before, *after}:
        left, right = before.get(uid), after.get(uid)
        was, stays = bool(left) and not left["faults"], bool(right) and not right["faults"]
        if was and stays:
            changes["moved" if left["split"] != right["split"] else "both"] += 1
            changes["reweighted"] += left["weight"] != right["weight"]
        elif was or stays:
            change, other = ("added", left) if stays else ("removed", right)
            changes[change] += 1
            if other is None:
                causes.update((change, "absent", kind) for kind in ("only", "first", "any"))
                continue
            names = [fault for bit, fault in enumerate(FAULTS) if other["faults"] >> bit & 1]
            causes.update((change, name, "any") for name in names)
            causes[change, names[0], "first"] += 1
            causes[change, names[0], "only"] += len(names) == 1
    return changes, +causes


def told(found: Difference) -> tuple[Counter, Counter]:
    totals = found.totals
    changes = Counter(
        moved=totals.num_moved,
        both=totals.num_kept_by_both - totals.num_moved,
        reweighted=totals.num_reweighted,
        added=totals.num_added,
        removed=totals.num_removed,
    )
    kinds = ("only", "first", "any")
    causes = Counter(
        {(row["change"], row["cause"], kind): row[f"num_{kind}"] for row in found.causes for kind in kinds}
    )
    return +changes, +causes


@settings(deadline=None, max_examples=25)
@given(POOL, st.sampled_from([("ab", "ab"), ("ab", "ba"), ("a", "ab"), ("ab", "b"), ("a", "b")]), st.booleans())
def test_row_by_row_and_by_uid_it_counts_what_one_sample_after_the_other_gives(pool, corpora, is_changed):
    old, new = rows_of(pool, 0, corpora[0]), rows_of(pool, 1, corpora[1])
    if is_changed:  # the last sample of the new pool is another one
        new = [*new[:-1], {**new[-1], "uid": "f" * 32}] if new else new
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(folder)
        changed = {new[-1]["corpus"]: "changed"} if is_changed and new else {}
        shards = [{corpus: f"shards of {corpus}" for corpus in listed} for listed in corpora]
        before = store(layout, "a1", old, faults=FAULTS, shards=shards[0])
        after = store(layout, "b2", new, faults=FAULTS, shards={**shards[1], **changed}, per_file=5)
        found = diff(before, after)
        assert set(matched_corpora(before, after)) == set(corpora[0]) & set(corpora[1]) - set(changed)
    changes, causes = expected(old, new)
    assert told(found) == (+changes, causes)
    kept = Counter(row["language"] for row in new if not row["faults"])
    assert {
        row["value"]: row["num_new"] for row in found.shifts if row["section"] == "language" and row["num_new"]
    } == kept
    assert found.totals.new_weight == pytest.approx(sum(row["weight"] for row in new if not row["faults"]))


def test_it_says_what_of_the_inputs_is_another(tmp_path: Any) -> None:
    layout = Layout(str(tmp_path))
    rows = [{"uid": "0" * 32, "corpus": "a", "faults": 0, "weight": 1.0, "split": "train", "language": "en"}]
    old = store(layout, "a1", rows, faults=FAULTS, shards={"a": "1" * 64, "b": "2" * 64}, sql="select 1\nfrom samples",
                params={"least": 3, "most": 9}, signals={"image@2": ["3" * 64, "4" * 64]})  # fmt: skip
    new = store(layout, "b2", rows, faults=FAULTS, shards={"b": "2" * 64, "a": "5" * 64}, sql="select 2\nfrom samples",
                params={"least": 4}, signals={"image@2": ["4" * 64, "3" * 64], "text@2": ["6" * 64, "7" * 64]},
                tombstones=["8" * 32])  # fmt: skip
    assert [str(change) for change in changed_inputs(old, new)] == [
        "params least: 3 -> 4",
        "params most: 9, is not there any more",
        "shards a: 111111111111 -> 555555555555",
        "signals text@2: b 666666666666, a 777777777777, was not there",
        "tombstones: 1 withdrawn before it was curated, was not there",
    ]
    assert policy_changes(old, new) == ["@@ -1,2 +1,2 @@", "-select 1", "+select 2", " from samples"]
