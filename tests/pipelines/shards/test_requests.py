"""What became of the URLs of a snapshot."""

from pathlib import Path

import pytest

from pipelines.shards import requests
from pipelines.shards.requests import host_of, summarise_downloads
from tests.pipelines.shards.test_retrying import SNAPSHOT, Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_every_url_is_counted_by_what_became_of_it(run: Run):
    run.pack(a="gone", b="away", j="away")
    found = summarise_downloads(run.layout, SNAPSHOT)
    assert found is not None
    assert (found.num_urls, found.num_fetched, found.num_requests) == (10, 7, 10)
    assert found.by_outcome == {"fetched": 7, "server_error": 2, "http_error": 1}
    assert found.by_http_status == {"200": 7, "503": 2, "404": 1}
    assert found.by_consent == {"allowed": 10}
    (host,) = found.worst_hosts()
    assert (host.host, host.num_urls, host.num_failed) == ("a", 10, 3)


def test_a_url_that_was_asked_again_counts_as_it_ended(run: Run):
    run.pack(a="away", b="away")
    run.pack(a="gone")
    found = summarise_downloads(run.layout, SNAPSHOT)
    assert found is not None
    assert found.by_http_status == {"200": 9, "404": 1}


def test_hosts_that_did_well_are_not_named(run: Run):
    run.pack()
    found = summarise_downloads(run.layout, SNAPSHOT)
    assert found is not None
    assert found.worst_hosts() == []


def test_a_corpus_of_files_has_no_downloads(tiny_snapshot):
    assert summarise_downloads(*tiny_snapshot) is None


def test_hosts_of_a_wide_table_are_bounded(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(requests, "_MAX_HOSTS", 4)
    for number in range(10):
        requests._count(found := requests.Downloads(), {"url": f"http://h{number}/", "outcome": "x", "num_attempts": 1,
                        "num_bytes": 0, "http_status": None, "consent": None})  # fmt: skip
        assert found.by_http_status == {"no answer": 1}
    run.pack(a="gone")
    assert len((summarise_downloads(run.layout, SNAPSHOT) or requests.Downloads()).hosts) <= 4


@pytest.mark.parametrize(
    ("url", "host"),
    [("http://A.b:80/c", "a.b:80"), ("https://user:word@h/x", "h"), ("http://[::1", "?"), ("nonsense", "?")],
)
def test_a_host_is_named_without_secrets(url: str, host: str):
    assert host_of(url) == host
