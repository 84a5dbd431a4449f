"""Every URL of the ledgers asked once more, without its body: whose owner said no since, and what that takes out."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Download, Snapshot
from pipelines.shards.downloads import ledger
from pipelines.shards.reading import read_sidecar
from pipelines.shards.tombstones import TOMBSTONES, add_tombstones
from pipelines.sources.downloading.consent import ALLOWED
from pipelines.sources.downloading.fetching import fetch_wanted
from pipelines.sources.downloading.ledger import ledger_shards, read_ledger
from pipelines.sources.downloading.outcomes import Outcome
from pipelines.sources.downloading.policy import DownloadPolicy
from pipelines.sources.downloading.visiting import Wanted

_FLUSH_EVERY = 10_000
"""Answers between two writes; what is lost where a recheck is killed."""
_HELD = frozenset({Outcome.FETCHED, Outcome.NOT_MODIFIED})
_WHO = "recheck of consent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recheck:
    """One URL, asked again."""

    snapshot: Snapshot
    download: Download
    uids: tuple[str, ...]
    """The samples made of it; empty unless it was withdrawn."""

    @property
    def is_withdrawn(self) -> bool:
        """The owner allowed it once and does not now."""
        return self.download.consent != ALLOWED


@dataclass(kw_only=True, slots=True)
class RecheckReport:
    """What a recheck found."""

    num_asked: int = 0
    num_withdrawn: int = 0
    """URLs whose owners say no now."""
    num_gone: int = 0
    """URLs that are not there any more, which withdraws nothing by itself."""
    num_unknown: int = 0
    """URLs that gave no answer for a passing reason: ask again."""
    uids: set[str] = field(default_factory=set)
    """The samples in `tombstones.parquet` from now on."""

    def count(self, found: Recheck) -> None:
        outcome = Outcome(found.download.outcome)
        self.num_asked += 1
        self.num_withdrawn += found.is_withdrawn
        self.num_gone += outcome is Outcome.NOT_FOUND
        self.num_unknown += outcome.is_transient
        self.uids.update(found.uids)


def recheck_and_withdraw(
    layout: Layout, snapshots: Iterable[Snapshot], policy: DownloadPolicy, *, state_folder: Path | None
) -> RecheckReport:
    """Ask, write every answer to `ledger/consent/`, and withdrawn samples to `ledger/tombstones.parquet`."""
    report = RecheckReport()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for snapshot in snapshots:
        found: list[Recheck] = []
        part = 0
        for each in recheck_consent(layout, [snapshot], policy, state_folder=state_folder):
            report.count(each)
            found.append(each)
            if len(found) == _FLUSH_EVERY:
                _write(layout, snapshot, f"{stamp}-{part:04d}", found)
                found, part = [], part + 1
        if found:
            _write(layout, snapshot, f"{stamp}-{part:04d}", found)
    return report


def recheck_consent(
    layout: Layout, snapshots: Iterable[Snapshot], policy: DownloadPolicy, *, state_folder: Path | None
) -> Iterator[Recheck]:
    """Every URL that samples were made of, asked once for its headers alone; writes nothing."""
    asked: deque[_Held] = deque()

    def wanted() -> Iterator[Wanted]:
        for held in _held(layout, snapshots):
            asked.append(held)
            yield Wanted(url=held.url, wants_body=False)

    for download, _ in fetch_wanted(wanted(), policy, state_folder=state_folder):
        held = asked.popleft()
        uids = () if download.consent == ALLOWED else _uids(layout, held)
        yield Recheck(snapshot=held.snapshot, download=download, uids=uids)


@dataclass(frozen=True, slots=True)
class _Held:
    """A URL that we hold the content of, and where."""

    snapshot: Snapshot
    url: str
    places: tuple[tuple[int, int | None], ...]
    """(shard, source row)"""


def _held(layout: Layout, snapshots: Iterable[Snapshot]) -> Iterator[_Held]:
    """One for every URL of a shard; a URL in several shards is asked about for each of them."""
    for snapshot in snapshots:
        for shard in ledger_shards(layout, snapshot):
            places: dict[str, list[tuple[int, int | None]]] = {}
            for download, source_row in read_ledger(layout, snapshot, shard):
                if download.outcome in _HELD:
                    places.setdefault(download.url, []).append((shard, source_row))
            for url, found in places.items():
                yield _Held(snapshot, url, tuple(found))


def _uids(layout: Layout, held: _Held) -> tuple[str, ...]:
    """By source row where the ledger knows it, else by URL."""
    found: set[str] = set()
    for shard, source_row in held.places:
        by_row, by_url = _sidecar_keys(layout, held.snapshot, shard)
        found.update(by_url.get(held.url, ()) if source_row is None else by_row.get(source_row, ()))
    return tuple(sorted(found))


_Keys = tuple[dict[int, list[str]], dict[str, list[str]]]


@lru_cache(maxsize=4)
def _sidecar_keys(layout: Layout, snapshot: Snapshot, shard: int) -> _Keys:
    by_row: dict[int, list[str]] = {}
    by_url: dict[str, list[str]] = {}
    columns = read_sidecar(layout, snapshot, shard).select(["uid", "source_row", "url"]).to_pylist()
    for row in columns:
        if row["uid"]:
            by_row.setdefault(row["source_row"], []).append(row["uid"])
            by_url.setdefault(row["url"], []).append(row["uid"])
    return by_row, by_url


def _write(layout: Layout, snapshot: Snapshot, name: str, found: Sequence[Recheck]) -> None:
    """Withdrawals first: a kill between the two leaves nothing in a view that must not be there."""
    withdrawn = [
        {
            "uid": uid,
            "url": each.download.url,
            "reason": each.download.consent,
            "seen_at": each.download.seen_at,
            "who": _WHO,
        }
        for each in found
        for uid in each.uids
    ]
    if withdrawn:
        add_tombstones(layout, pa.Table.from_pylist(withdrawn, schema=TOMBSTONES))
    answers = ledger([(None, each.download) for each in found])
    storage.write_table(layout.ledger(f"consent/{snapshot}/{name}.parquet"), answers)
