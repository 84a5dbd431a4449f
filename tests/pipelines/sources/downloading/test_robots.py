import time
from dataclasses import replace

import pytest

from pipelines.sources.downloading import DownloadPolicy, Outcome, failure_of, fetch_all
from pipelines.sources.downloading.robots import MAX_BYTES, parse_rules
from pipelines.sources.downloading.urls import parse_url
from tests.web import Reply, WebServer, reset

POLICY = DownloadPolicy()


def allows(text, path):
    return parse_rules(text, POLICY, expires_at=0).allows(parse_url("http://host.example" + path))


@pytest.mark.parametrize(
    ("rules", "path", "is_allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("user-agent:*\ndisallow:/a", "/abc", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/c", False),
        ("User-agent: *\nAllow: /a\nDisallow: /a", "/a", True),  # equal length: allow
        ("User-agent: *\nDisallow: /*.jpg$", "/x/y.jpg", False),
        ("User-agent: *\nDisallow: /*.jpg$", "/x/y.jpg?size=1", True),
        ("User-agent: *\nDisallow: /x*y", "/x/and/y/z", False),
        ("User-agent: *\nDisallow: /%7Ea", "/~a", False),
        ("User-agent: *\nDisallow: /\u00e9", "/\u00e9/x", False),
        ("User-agent: *\nDisallow: /*?*size=", "/a?b=1&size=2", False),
        ("\ufeffUser-agent: *\r\nDisallow: /a\r\n", "/a", False),
        ("Disallow: /a", "/a", True),  # before any group
        ("<html>not found</html>", "/a", True),
        ("User-agent: *\nDisallow: /private", "/public/../private/x", False),
        ("User-agent: *\nDisallow: /private", "/public/%2E%2e/private/x", False),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
    ],
)
def test_rules_are_matched_by_the_longest(rules, path, is_allowed):
    assert allows(rules, path) is is_allowed


@pytest.mark.parametrize(
    ("rules", "is_allowed"),
    [
        ("User-agent: trivium\nDisallow: /\n\nUser-agent: *\nAllow: /", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Trivium\nAllow: /", True),
        ("User-agent: trivium/2.0 (x)\nDisallow: /", False),
        ("User-agent: other\nUser-agent: TRIVIUM\nDisallow: /", False),
        ("User-agent: trivium\nCrawl-delay: 1\n\nUser-agent: trivium\nDisallow: /", False),  # groups are joined
        ("User-agent: triv\nDisallow: /", True),
        ("User-agent: triviumbot\nDisallow: /", True),
        ("User-agent: t\nAllow: /\n\nUser-agent: *\nDisallow: /", False),
        ("User-agent: other\nDisallow: /", True),
    ],
)
def test_the_group_is_the_one_of_our_whole_token(rules, is_allowed):
    assert allows(rules, "/a") is is_allowed


def test_robots_txt_is_asked_for_once_and_what_it_forbids_never(server, policy, tmp_path):
    server.routes |= {"/robots.txt": Reply(body=b"User-agent: *\nDisallow: /no"), "*": Reply(body=b"x")}
    urls = server.urls([f"/{kind}/{n}" for n in range(20) for kind in ("yes", "no")])
    found = [download for download, _ in fetch_all(urls, policy, state_folder=tmp_path)]
    assert [download.outcome for download in found] == [Outcome.FETCHED, Outcome.ROBOTS] * 20
    assert (found[1].consent, found[1].num_attempts, found[1].http_status) == ("robots", 0, None)
    assert failure_of(found[1]).status == "refused"
    list(fetch_all(urls[:4], policy, state_folder=tmp_path))  # a later run
    assert server.num_robots == 1
    assert not any(path.startswith("/no") for path in server.counts)


def test_robots_txt_is_asked_for_again_after_its_time(server, policy, tmp_path):
    brief = replace(policy, robots_seconds=0.3)
    server.routes["*"] = Reply(body=b"x")
    list(fetch_all(server.urls(["/a"]), brief, state_folder=tmp_path))
    server.routes["/robots.txt"] = Reply(body=b"User-agent: *\nDisallow: /")
    time.sleep(0.4)
    [(download, _)] = fetch_all(server.urls(["/a"]), brief, state_folder=tmp_path)
    assert (download.outcome, server.num_robots) == (Outcome.ROBOTS, 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_robots_txt_that_is_not_there_allows_everything(server, policy, status):
    server.routes |= {"/robots.txt": Reply(status, b"User-agent: *\nDisallow: /"), "/a": Reply(body=b"a")}
    [(download, _)] = fetch_all([server.url + "/a"], policy, state_folder=None)
    assert (download.outcome, server.num_robots) == (Outcome.FETCHED, 1)


@pytest.mark.parametrize("answer", [Reply(500), Reply(503), Reply(429), reset], ids=["500", "503", "429", "reset"])
def test_a_robots_txt_that_cannot_be_had_now_forbids_everything_for_now(server, policy, answer, tmp_path):
    server.routes |= {"/robots.txt": answer, "*": Reply(body=b"x")}
    found = [d for d, _ in fetch_all(server.urls([f"/{n}" for n in range(9)]), policy, state_folder=tmp_path)]
    assert {download.outcome for download in found} == {Outcome.ROBOTS_UNREACHABLE}
    assert all(failure_of(download).transient for download in found)
    assert (server.num_robots, server.counts) == (policy.num_attempts, {})


def test_a_robots_txt_that_works_again_is_obeyed_again(server, policy):
    server.routes |= {"/robots.txt": [Reply(503), Reply(body=b"User-agent: *\nDisallow: /b")], "/a": Reply(body=b"a")}
    found = [d.outcome for d, _ in fetch_all(server.urls(["/a", "/b"]), policy, state_folder=None)]
    assert found == [Outcome.FETCHED, Outcome.ROBOTS]


def test_a_robots_txt_may_be_elsewhere(server, policy):
    server.routes |= {
        "/robots.txt": Reply(301, headers=(("Location", "/rules/robots.txt"),)),
        "/rules/robots.txt": Reply(body=b"User-agent: *\nDisallow: /a"),
    }
    [(download, _)] = fetch_all([server.url + "/a"], policy, state_folder=None)
    assert download.outcome == Outcome.ROBOTS


def test_a_robots_txt_is_read_up_to_a_bound(server, policy):
    filler = b"# nothing\n" * (MAX_BYTES // 10)
    server.routes |= {
        "/robots.txt": Reply(body=b"User-agent: *\nDisallow: /a\n" + filler * 20 + b"Disallow: /b\n"),
        "/b": Reply(body=b"b"),
    }
    found = [d.outcome for d, _ in fetch_all(server.urls(["/a", "/b"]), policy, state_folder=None)]
    assert found == [Outcome.ROBOTS, Outcome.FETCHED]


def test_the_host_of_a_redirect_is_asked_for_its_own(policy):
    with WebServer() as first, WebServer() as second:
        first.routes["/a"] = Reply(302, headers=(("Location", second.url + "/b"),))
        second.routes |= {"/robots.txt": Reply(body=b"User-agent: *\nDisallow: /b"), "/b": Reply(body=b"b")}
        [(download, _)] = fetch_all([first.url + "/a"], policy, state_folder=None)
        assert (download.outcome, download.consent) == (Outcome.ROBOTS, "robots")
        assert (download.num_attempts, download.final_url) == (1, second.url + "/b")
        assert (first.counts, second.counts) == ({"/a": 1}, {})


def test_a_policy_may_leave_robots_txt_out(server, policy):
    server.routes |= {"/robots.txt": Reply(body=b"User-agent: *\nDisallow: /"), "/a": Reply(body=b"a")}
    [(download, _)] = fetch_all([server.url + "/a"], replace(policy, respect_robots=False), state_folder=None)
    assert (download.outcome, server.num_robots) == (Outcome.FETCHED, 0)


def test_a_crawl_delay_beyond_our_patience_is_a_refusal(server, policy):
    server.routes |= {"/robots.txt": Reply(body=b"User-agent: *\nCrawl-delay: 900"), "/a": Reply(body=b"a")}
    [(download, _)] = fetch_all([server.url + "/a"], policy, state_folder=None)
    assert (download.outcome, server.counts) == (Outcome.CRAWL_DELAY, {})
