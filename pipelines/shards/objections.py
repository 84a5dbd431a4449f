"""Samples whose owner said no: the URL opted out, now or at any later look, and the sample is still there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.requests import FETCHED, ledger_files
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import num_shards, snapshots_of
from pipelines.shards.tombstones import withdrawn_uids

ALLOWED = "allowed"
_COLUMNS = ["url", "consent", "seen_at", "outcome"]
_MAX_EXAMPLES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Objections:
    """What the ledgers say against the samples of a snapshot."""

    num_urls: int
    """URLs of the corpus that opted out, by the last answer of each."""
    num_samples: int
    """Made of such a URL, and not withdrawn."""
    num_withdrawn: int
    """Made of such a URL, and kept out of every view by a tombstone."""
    examples: tuple[tuple[str, str, str], ...]
    """(uid, url, what forbids it) of the first samples."""


def find_objections(layout: Layout, snapshot: Snapshot) -> Objections:
    """By every ledger of the corpus, also those of other snapshots and of later looks at consent."""
    said_no = _said_no(layout, snapshot)
    withdrawn = withdrawn_uids(layout) if said_no else frozenset()
    by_row = _made_of(layout, snapshot, said_no)
    num_samples = num_withdrawn = 0
    examples: list[tuple[str, str, str]] = []
    for shard in range(num_shards(layout, snapshot)) if said_no else ():
        table = storage.read_table(layout.sidecar(snapshot, shard), ["uid", "url", "source_row", "status"])
        made_of_it = pc.field("url").isin(sorted(said_no)) | pc.field("source_row").isin(sorted(by_row))
        for row in table.filter((pc.field("status") == SUCCESS) & made_of_it).to_pylist():
            url = by_row.get(row["source_row"], row["url"])
            if row["uid"] in withdrawn:
                num_withdrawn += 1
                continue
            num_samples += 1
            if len(examples) < _MAX_EXAMPLES:
                examples.append((row["uid"], url, said_no[url][1]))
    return Objections(
        num_urls=len(said_no), num_samples=num_samples, num_withdrawn=num_withdrawn, examples=tuple(examples)
    )


def _said_no(layout: Layout, snapshot: Snapshot) -> dict[str, tuple[float, str]]:
    """URL -> (when, what forbids it), of URLs that said nothing else later; memory for those that ever said no."""
    found: dict[str, tuple[float, str]] = {}
    for table in _answers(layout, snapshot.corpus):
        for row in table.filter(pc.field("consent") != ALLOWED).to_pylist():
            if row["seen_at"] >= found.get(row["url"], (0.0, ""))[0]:
                found[row["url"]] = (row["seen_at"], row["consent"])
    if not found:
        return found
    for table in _answers(layout, snapshot.corpus):
        answered = pc.field("outcome").isin(sorted(FETCHED)) & (pc.field("consent") == ALLOWED)
        for row in table.filter(answered & pc.field("url").isin(sorted(found))).to_pylist():
            if row["seen_at"] > found.get(row["url"], (float("inf"), ""))[0]:
                del found[row["url"]]
    return found


def _made_of(layout: Layout, snapshot: Snapshot, urls: Mapping[str, object]) -> dict[int, str]:
    """Source row -> URL, of records that hold the content of one of these; a record may be made of several URLs."""
    found: dict[int, str] = {}
    for shard in ledger_files(layout, snapshot) if urls else ():
        table = storage.read_table(layout.downloads(snapshot, shard), ["source_row", "url", "outcome"])
        held = pc.field("outcome").isin(sorted(FETCHED)) & pc.field("url").isin(sorted(urls))
        rows = table.filter(held & pc.field("source_row").is_valid()).to_pylist()
        found.update({row["source_row"]: row["url"] for row in rows})
    return found


def _answers(layout: Layout, corpus: str) -> Iterator[pa.Table]:
    for snapshot in snapshots_of(layout, corpus):
        for shard in ledger_files(layout, snapshot):
            yield storage.read_table(layout.downloads(snapshot, shard), _COLUMNS)
        later = layout.ledger(f"consent/{snapshot}")
        for name in storage.names(later, ".parquet"):
            yield storage.read_table(f"{later}/{name}", _COLUMNS)
