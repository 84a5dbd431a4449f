from dataclasses import replace

import pytest

from pipelines.sources.downloading import DownloadPolicy, Outcome, failure_of, fetch_all
from pipelines.sources.downloading.urls import InvalidURL, parse_url, printable
from tests.web import Reply


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://a.example/x.jpg", "http://a.example/x.jpg"),
        ("HTTP://A.Example", "http://a.example/"),
        ("http://a.example:80/x", "http://a.example/x"),
        ("https://a.example:443/x", "https://a.example/x"),
        ("https://a.example:8443/x", "https://a.example:8443/x"),
        ("  http://a.example/x y.jpg\n", "http://a.example/x%20y.jpg"),
        ("http://a.example/caf\u00e9?q=\u00fc#top", "http://a.example/caf%C3%A9?q=%C3%BC"),
        ("http://a.example/a%20b%2Fc", "http://a.example/a%20b%2Fc"),
        ("http://a.example/100%", "http://a.example/100%25"),
        ("http://a.example/a/../b/./c/", "http://a.example/b/c/"),
        ("http://a.example/../../x", "http://a.example/x"),
        ("http://a.example/a/%2e%2E/b", "http://a.example/b"),
        ("http://a.example/a//b", "http://a.example/a//b"),
        ("http://b\u00fccher.example/x", "http://xn--bcher-kva.example/x"),
        ("http://\u4f8b\u3048.example/", "http://xn--r8jz45g.example/"),
        ("http://a.example./x", "http://a.example/x"),
        ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("http://a.example?x=1", "http://a.example/?x=1"),
        ("http://a_b.example/x", "http://a_b.example/x"),
    ],
)
def test_a_url_is_asked_for_in_one_form(url, asked):
    target = parse_url(url)
    assert target.url == asked
    assert parse_url(asked) == target


@pytest.mark.parametrize(
    "url",
    [
        *("", "   ", "x.jpg", "/x.jpg", "//a.example/x", "http://", "http:///x", "https://:80/"),
        *(
            "data:image/png;base64,AAAA",
            "file:///etc/passwd",
            "ftp://a.example/x",
            "gopher://a.example/",
            "javascript:1",
        ),
        *("http://user@a.example/", "http://user:secret@a.example/", "http://a.example:99999/", "http://a.example:x/"),
        *("http://a.example:25/", "http://a.example:6379@b.example/", "http://a b.example/", "http://a\\b.example/"),
        *(
            "http://-.example\x00/",
            "http://[::1/",
            "http://%00.example/",
            "http://a.example/" + "x" * 9000,
            "http://\ud800/",
        ),
        *("http://a..b\u00e9/", "http://" + "a" * 300 + "/"),
    ],
)
def test_what_is_no_plain_url_is_a_row_that_says_why(url):
    [(download, body)] = fetch_all([url], DownloadPolicy(), state_folder=None)
    assert (download.outcome, body, download.num_attempts) == (Outcome.INVALID_URL, None, 0)
    assert download.error
    assert "secret" not in download.url + download.error + download.final_url
    assert failure_of(download).status == "refused"
    str(failure_of(download)).encode()


def test_a_password_never_reaches_the_ledger():
    assert printable("http://user:secret@host.example/x") == "http://host.example/x"
    assert printable("//user:secret@host.example") == "//host.example"
    with pytest.raises(InvalidURL) as raised:
        parse_url("http://user:secret@host.example:99999/")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://a.example/", "http://u:secret@127.0.0.1/", "javascript:1"]
)
def test_a_redirect_to_anything_else_is_refused(server, policy, location):
    server.routes["/a"] = Reply(302, headers=(("Location", location),))
    [(download, body)] = fetch_all([server.url + "/a"], policy, state_folder=None)
    assert (download.outcome, body, server.counts) == (Outcome.INVALID_URL, None, {"/a": 1})
    assert "secret" not in download.error


def test_redirects_are_followed_one_by_one_to_a_bound(server, policy):
    server.routes |= {f"/{n}": Reply(301 + n % 2, b"moved", (("Location", f"{n + 1}"),)) for n in range(9)}
    server.routes["/5"] = Reply(body=b"end")
    (end, body), (more, _) = fetch_all(server.urls(["/0", "/6"]), replace(policy, max_redirects=5), state_folder=None)
    assert (end.outcome, body, end.final_url, end.url) == (
        Outcome.FETCHED,
        b"end",
        server.url + "/5",
        server.url + "/0",
    )
    assert more.outcome == Outcome.NOT_FOUND
    [(few, _)] = fetch_all(server.urls(["/1"]), replace(policy, max_redirects=3), state_folder=None)
    assert (few.outcome, server.counts["/4"], server.counts["/5"]) == (Outcome.TOO_MANY_REDIRECTS, 2, 1)


@pytest.mark.parametrize("location", ["/b", "/a", "", "http://"])
def test_a_redirect_in_a_loop_is_asked_once(server, policy, location):
    server.routes |= {
        "/a": Reply(307, headers=(("Location", location),)),
        "/b": Reply(308, headers=(("Location", "/a#again"),)),
    }
    [(download, _)] = fetch_all(server.urls(["/a"]), policy, state_folder=None)
    assert download.outcome == (Outcome.TOO_MANY_REDIRECTS if location else Outcome.HTTP_ERROR)
    assert set(server.counts.values()) == {1}
