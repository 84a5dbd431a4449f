import pytest

from pipelines.sources.downloading import Outcome, fetch_all


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 2x0 OK\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 400_000 + b"\r\n\r\na",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: aaaa\r\n" * 40_000 + b"\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 7\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: unheard-of\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_nobody_understands_is_a_row_and_asked_for_once(server, policy, answer):
    server.routes["/a"] = exactly(answer)
    [(download, body)] = fetch_all([server.url + "/a"], policy, state_folder=None)
    assert (download.outcome, body, server.counts["/a"]) == (Outcome.HTTP_ERROR, None, 1)
    assert download.error


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Robots-Tag: nofollow,\r\n noai\r\nContent-Length: 1\r\n\r\na", Outcome.OPTED_OUT),
        (b"HTTP/1.1 200 OK\nX-Robots-Tag: noml\nContent-Length: 1\n\na", Outcome.OPTED_OUT),
        (b"HTTP/1.1 103 Hints\r\nX-A: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", Outcome.FETCHED),
        (b'HTTP/1.1 200 OK\r\nETag: "\xe9"\r\nContent-Length: 1\r\n\r\na', Outcome.FETCHED),
        (b"HTTP/1.0 200 OK\r\n\r\na", Outcome.FETCHED),
    ],
)
def test_an_answer_may_be_unusual(server, policy, answer, outcome):
    server.routes["/a"] = exactly(answer)
    [(download, _)] = fetch_all([server.url + "/a"], policy, state_folder=None)
    assert download.outcome == outcome
    download.etag.encode()


def exactly(data):
    async def handle(writer):
        writer.write(data)
        await writer.drain()

    return handle
