"""What became of the downloads of a snapshot: by outcome, by HTTP status, by consent, and host by host."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pyarrow as pa

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.planning import read_plan

FETCHED = frozenset({"fetched", "not_modified"})
_SLOW = frozenset({"timeout", "host_busy", "crawl_delay", "rate_limited"})
_COLUMNS = ["source_row", "url", "outcome", "http_status", "consent", "num_attempts", "num_bytes"]
_MAX_HOSTS = 20_000  # bounds the memory of a web-wide table: those with the fewest URLs are let go


@dataclass(kw_only=True, slots=True)
class Host:
    """One host's part."""

    host: str
    num_urls: int = 0
    num_failed: int = 0
    num_slow: int = 0
    """Timeouts, and answers that asked for patience."""
    num_requests: int = 0


@dataclass(kw_only=True, slots=True)
class Downloads:
    """Every URL once: of one that was tried again by a later run, only how it ended."""

    num_urls: int = 0
    num_fetched: int = 0
    num_requests: int = 0
    num_bytes: int = 0
    by_outcome: Counter[str] = field(default_factory=Counter)
    by_http_status: Counter[str] = field(default_factory=Counter)
    by_consent: Counter[str] = field(default_factory=Counter)
    hosts: dict[str, Host] = field(default_factory=dict)

    def worst_hosts(self, at_most: int = 10) -> list[Host]:
        """Those that failed or were slow most often."""
        troubled = (host for host in self.hosts.values() if host.num_failed or host.num_slow)
        return sorted(troubled, key=lambda host: (-host.num_failed, -host.num_slow, host.host))[:at_most]


def summarise_downloads(layout: Layout, snapshot: Snapshot) -> Downloads | None:
    """Nothing where a snapshot asked for no URL."""
    found = Downloads()
    for table in _ledgers(layout, snapshot):
        for row in table.to_pylist():
            _count(found, row)
        if len(found.hosts) > _MAX_HOSTS:
            busiest = sorted(found.hosts.values(), key=lambda host: (-host.num_failed, -host.num_urls))
            found.hosts = {host.host: host for host in busiest[: _MAX_HOSTS // 2]}
    return found if found.num_urls else None


def ledger_files(layout: Layout, snapshot: Snapshot) -> list[int]:
    """The shards that have a ledger, in order."""
    folder = layout.downloads(snapshot, 0).rpartition("/")[0]
    return [int(name[:8]) for name in storage.names(folder, ".parquet") if name[:8].isdecimal()]


def _ledgers(layout: Layout, snapshot: Snapshot) -> Iterator[pa.Table]:
    """Later tries first; the downloads of a record that they settled are left out of the earlier ledgers."""
    plan = read_plan(layout, snapshot)
    num_planned = len(plan.shards) if plan else 0
    settled: set[int | None] = set()
    for shard in reversed(ledger_files(layout, snapshot)):
        table = storage.read_table(layout.downloads(snapshot, shard), _COLUMNS)
        if settled:
            table = table.filter(pa.array([row not in settled for row in table["source_row"].to_pylist()], pa.bool_()))
        if shard >= num_planned:
            settled.update(table["source_row"].to_pylist())
        yield table


def _count(found: Downloads, row: dict[str, object]) -> None:
    outcome, requests = str(row["outcome"]), int(str(row["num_attempts"] or 0))
    is_fetched, is_slow = outcome in FETCHED, outcome in _SLOW
    found.num_urls += 1
    found.num_fetched += is_fetched
    found.num_requests += requests
    found.num_bytes += int(str(row["num_bytes"] or 0))
    found.by_outcome[outcome] += 1
    found.by_http_status[str(row["http_status"] or "no answer")] += 1
    found.by_consent[str(row["consent"] or "unknown")] += 1
    name = host_of(str(row["url"]))
    host = found.hosts.setdefault(name, Host(host=name))
    host.num_urls += 1
    host.num_failed += not is_fetched
    host.num_slow += is_slow
    host.num_requests += requests


def host_of(url: str) -> str:
    """Host and port, without a user's name or password; `?` for what is no URL."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower() or "?"
    except ValueError:
        return "?"
