"""Duplicates and contamination side by side, on a corpus with planted twins."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.curation.contamination.declaring import declare
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy, parse_policy
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.reporting.card import card_of
from pipelines.reporting.queries import run_sql
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.tombstones import add_tombstones
from pipelines.signals.measuring import measure
from pipelines.sources.folder import open_folder
from tests.pipelines.reporting.test_card import Tags

NOBODY = pa.table({"uid": pa.array([], pa.string())})


def packed(folder: Path, layout: Layout, *, corpus: str) -> Snapshot:
    source = open_folder(folder, corpus=corpus, languages=("en", "fr"))
    snapshot = pack(source, layout=layout, config=PackingConfig(num_workers=1)).snapshot
    measure(layout, snapshot, num_workers=1)
    return snapshot


def seen(layout: Layout, snapshot: Snapshot, name: str, policy: str = "default") -> View:
    chosen = load_policy(policy) if policy == "default" else parse_policy("all", policy)
    report = curate(layout, [snapshot], policy=chosen, view=name)
    return open_view(layout, report.view, report.digest)


@pytest.fixture
def twins(tiny_corpus: Path, tmp_path: Path) -> View:
    """The tiny corpus where "tiger" is "cat" again, byte for byte, under its word."""
    for name in ("png", "en.flac"):
        (tiny_corpus / "animals" / f"tiger.{name}").write_bytes((tiny_corpus / "animals" / f"cat.{name}").read_bytes())
    (tiny_corpus / "animals" / "tiger.en.txt").write_text("cat")
    layout = Layout(str(tmp_path / "root"))
    return seen(layout, packed(tiny_corpus, layout, corpus="twins"), "main")


def part_of(html: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">.*?</section>', html, re.DOTALL)
    return found[0] if found else ""


def test_a_duplicate_stands_beside_the_best_with_what_became_of_both(twins: View) -> None:
    shown = Tags(part_of(card_of(twins), "duplicates"))
    text = " ".join(shown.text.split())
    assert "exact" in text
    assert "1 samples are not the best of their component" in text
    assert re.search(r"best, kept.*dropped: duplicate", text)
    assert len(shown.all("img")) >= 2


def test_a_withdrawn_duplicate_is_not_shown(twins: View) -> None:
    rows = twins.verdicts(["uid", "first_fault"]).to_pylist()
    gone = [row["uid"] for row in rows if row["first_fault"] == "duplicate"]
    add_tombstones(twins.layout, pa.table({"uid": gone}))
    assert "exact" not in part_of(card_of(twins), "duplicates")


def test_a_dropped_sample_stands_beside_the_evaluation_sample_that_it_gives_away(
    tiny_corpus: Path, tmp_path: Path
) -> None:
    layout = Layout(str(tmp_path / "root"))
    exam = seen(layout, packed(tiny_corpus, layout, corpus="exam"), "exam", "select uid from samples")
    declare(layout, f"exam/{exam.digest}")
    view = seen(layout, packed(tiny_corpus, layout, corpus="training"), "main")
    shown = part_of(card_of(view), "contamination")
    text = " ".join(Tags(shown).text.split())
    assert "in the evaluation set" in text
    assert f"evaluation set exam/{exam.digest[:12]}" in text
    assert "dropped: contaminated" in text
    assert len(Tags(shown).all("img")) % 2 == 0
    assert not part_of(card_of(exam), "contamination")


def test_the_largest_components_and_some_others_are_chosen() -> None:
    rows = [
        {"uid": f"{component}-{rank}", "kind": "exact", "component": f"c{component}", "rank": rank, "similarity": None}
        for component in range(20)
        for rank in range(component + 1)
    ]
    table = pa.Table.from_pylist(rows)
    found = run_sql(
        "components", params={"num_large": 2, "num_any": 3, "num_members": 4}, duplicates=table, hidden=NOBODY
    ).to_pylist()
    sizes = {row["component"]: row["num_samples"] for row in found}
    assert sizes == {"c19": 20, "c18": 19, "c1": 2, "c10": 11, "c11": 12}
    assert [row["rank"] for row in found if row["component"] == "c19"] == [0, 1, 2, 3]
