import asyncio
import gzip
import socket
import time
from dataclasses import replace

import pytest

from pipelines.sources.downloading import Outcome, failure_of, fetch_all
from tests.web import Reply, reset

JPEG = b"\xff\xd8" + bytes(range(256)) * 40


def outcomes(urls, policy, **options):
    return [download.outcome for download, _ in fetch_all(urls, policy, state_folder=None, **options)]


def one(url, policy):
    [(download, body)] = fetch_all([url], policy, state_folder=None)
    return download, body


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (404, Outcome.NOT_FOUND),
        (410, Outcome.NOT_FOUND),
        (403, Outcome.HTTP_ERROR),
        (451, Outcome.HTTP_ERROR),
        (204, Outcome.HTTP_ERROR),
        (206, Outcome.HTTP_ERROR),
        (302, Outcome.HTTP_ERROR),  # without a location
    ],
)
def test_what_asking_again_cannot_change_is_asked_once(server, policy, status, outcome):
    server.routes["/a"] = Reply(status)
    download, body = one(server.url + "/a", policy)
    assert (download.outcome, download.http_status, body) == (outcome, status, None)
    assert server.counts["/a"] == 1
    assert not failure_of(download).transient
    assert failure_of(download).status == "failed_to_download"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_asked_again(server, policy, status):
    server.routes["/a"] = [Reply(status), Reply(status), Reply(body=b"ok")]
    download, body = one(server.url + "/a", policy)
    assert (download.outcome, body, download.num_attempts, server.counts["/a"]) == (Outcome.FETCHED, b"ok", 3, 3)


def test_a_passing_failure_that_stays_is_left_to_a_later_run(server, policy):
    server.routes["/a"] = Reply(503)
    download, _ = one(server.url + "/a", policy)
    assert (download.outcome, download.num_attempts, server.counts["/a"]) == (Outcome.SERVER_ERROR, 3, 3)
    assert failure_of(download).transient


def test_a_reset_connection_is_asked_again(server, policy):
    server.routes["/a"] = [reset, Reply(body=b"ok")]
    download, body = one(server.url + "/a", policy)
    assert (download.outcome, body, server.counts["/a"]) == (Outcome.FETCHED, b"ok", 2)


def test_a_body_that_ends_early_is_no_file(server, policy):
    async def lie(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
        await writer.drain()

    server.routes["/a"] = [lie, Reply(body=b"whole")]
    assert one(server.url + "/a", policy)[1] == b"whole"
    assert server.counts["/a"] == 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(server, policy, form):
    when = "1" if form == "seconds" else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
    server.routes["/a"] = [Reply(429, headers=(("Retry-After", when),)), Reply(body=b"ok")]
    start = time.monotonic()
    assert one(server.url + "/a", policy)[0].outcome == Outcome.FETCHED
    assert 0.8 < time.monotonic() - start < 4


def test_a_host_that_asks_for_more_time_than_we_have_is_left_alone(server, policy):
    server.routes |= {"/a": Reply(429, headers=(("Retry-After", "3600"),)), "/b": Reply(body=b"b")}
    first, second = fetch_all(server.urls(["/a", "/b"]), replace(policy, look_ahead=1), state_folder=None)
    assert (first[0].outcome, server.counts["/a"]) == (Outcome.RATE_LIMITED, 1)
    assert (second[0].outcome, server.counts["/b"]) == (Outcome.HOST_BUSY, 0)
    assert failure_of(second[0]).transient


def test_a_file_that_says_it_is_too_large_is_not_read(server, policy):
    sent = []

    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        while True:
            writer.write(bytes(1 << 16))
            sent.append(1)
            await writer.drain()

    server.routes["/a"] = endless
    download, body = one(server.url + "/a", replace(policy, max_bytes=1000))
    assert (download.outcome, body, server.counts["/a"]) == (Outcome.TOO_LARGE, None, 1)
    assert "99999999" in download.error


def test_a_file_without_an_announced_size_is_counted_while_it_comes(server, policy):
    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
            await writer.drain()

    server.routes["/a"] = endless
    download, body = one(server.url + "/a", replace(policy, max_bytes=1 << 20))
    assert (download.outcome, body, server.counts["/a"]) == (Outcome.TOO_LARGE, None, 1)


def test_a_packed_answer_is_counted_unpacked(server, policy):
    bomb = gzip.compress(bytes(50 << 20))
    headers = (("Content-Encoding", "gzip"),)
    server.routes |= {
        "/bomb": Reply(body=bomb, headers=headers),
        "/a": Reply(body=gzip.compress(JPEG), headers=headers),
    }
    found = list(fetch_all(server.urls(["/bomb", "/a"]), replace(policy, max_bytes=1 << 20), state_folder=None))
    assert len(bomb) < 1 << 20
    assert [download.outcome for download, _ in found] == [Outcome.TOO_LARGE, Outcome.FETCHED]
    assert found[1][1] == JPEG


def test_a_request_asks_for_no_packing_and_says_who_we_are(server, policy):
    one(server.url + "/a", policy)
    headers = server.log[-1].headers
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"] == policy.user_agent
    assert not {"cookie", "authorization"} & set(headers)


def test_headers_that_never_end_run_out_of_time(server, policy):
    async def drip(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    server.routes["/a"] = drip
    start = time.monotonic()
    download, _ = one(server.url + "/a", replace(policy, timeout_seconds=0.5, num_attempts=1))
    assert (download.outcome, server.counts["/a"]) == (Outcome.TIMEOUT, 1)
    assert time.monotonic() - start < 3


def test_a_body_that_stalls_is_given_up(server, policy):
    async def stall(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await writer.drain()
        await asyncio.sleep(30)

    server.routes["/a"] = stall
    patient = replace(policy, stalled_seconds=1, timeout_seconds=20, num_attempts=1)
    start = time.monotonic()
    assert one(server.url + "/a", patient)[0].outcome == Outcome.TIMEOUT
    assert time.monotonic() - start < 6


def test_what_is_no_http_is_a_row(server, policy):
    async def greet(writer):
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    server.routes["/a"] = greet
    download, body = one(server.url + "/a", policy)
    assert (download.outcome, body) == (Outcome.HTTP_ERROR, None)


def test_nobody_listening_is_a_passing_failure(policy):
    with_robots, without = policy, replace(policy, respect_robots=False)
    url = f"http://127.0.0.1:{unused_port()}/a"
    assert outcomes([url], with_robots) == [Outcome.ROBOTS_UNREACHABLE]
    assert outcomes([url], without) == [Outcome.CONNECTION]


def test_a_name_without_an_address_is_a_passing_failure(policy):
    download, _ = one("http://nothing.invalid/a.jpg", replace(policy, num_attempts=1))
    assert (download.outcome, download.num_attempts) == (Outcome.UNRESOLVED, 0)
    assert failure_of(download).transient


def unused_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
