"""Whose owner said no, by every answer that is on record."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.shards.objections import Objections, find_objections
from tests.pipelines.shards.test_retrying import SNAPSHOT, Run

NO = "x-robots-tag: noai"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    found = Run(tmp_path)
    found.pack()
    return found


def answer(run: Run, name: str, *, seen_at: float, consent: str = NO, outcome: str = "opted_out") -> None:
    """Of a later look at one URL."""
    row = {"url": f"http://a/{name}", "consent": consent, "outcome": outcome, "seen_at": seen_at}
    uri = run.layout.ledger(f"consent/{SNAPSHOT}/{name}-{seen_at:.0f}.parquet")
    storage.write_table(uri, pa.Table.from_pylist([row]))


def objections(run: Run) -> Objections:
    return find_objections(run.layout, SNAPSHOT)


def test_where_everybody_allowed_it_there_is_no_objection(run: Run):
    assert objections(run) == Objections(num_urls=0, num_samples=0, num_withdrawn=0, examples=())


def test_a_later_no_reaches_the_samples_made_of_it(run: Run):
    answer(run, "c", seen_at=2e9)
    found = objections(run)
    assert (found.num_urls, found.num_samples) == (1, 1)
    assert [(url, why) for _, url, why in found.examples] == [("http://a/c", NO)]


def test_a_yes_after_the_no_counts_and_a_timeout_is_no_yes(run: Run):
    answer(run, "c", seen_at=2e9)
    answer(run, "c", seen_at=3e9, consent="allowed", outcome="timeout")
    assert objections(run).num_samples == 1
    answer(run, "c", seen_at=4e9, consent="allowed", outcome="not_modified")
    assert objections(run).num_urls == 0
    answer(run, "c", seen_at=5e9, consent="robots", outcome="robots")
    assert objections(run).examples[0][2] == "robots"


def test_a_url_that_made_no_sample_is_no_violation(run: Run):
    answer(run, "unheard-of", seen_at=2e9)
    assert (objections(run).num_urls, objections(run).num_samples) == (1, 0)


def test_a_withdrawn_sample_is_settled(run: Run):
    answer(run, "c", seen_at=2e9)
    (uid, _, _) = objections(run).examples[0]
    storage.write_table(run.layout.ledger("tombstones.parquet"), pa.table({"uid": [uid]}))
    found = objections(run)
    assert (found.num_samples, found.num_withdrawn) == (0, 1)


def test_a_record_made_of_several_urls_is_found_by_any_of_them(run: Run):
    uri = run.layout.sidecar(SNAPSHOT, 0)
    table = storage.read_table(uri)
    elsewhere = pa.array(["http://a/picture"] * table.num_rows, pa.string())
    storage.write_table(uri, table.set_column(table.column_names.index("url"), "url", elsewhere))
    answer(run, "c", seen_at=2e9)
    assert [(url, why) for _, url, why in objections(run).examples] == [("http://a/c", NO)]
