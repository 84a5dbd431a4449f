import pytest

from pipelines.sources.downloading import DownloadPolicy, Outcome, failure_of, fetch_all
from pipelines.sources.downloading.addresses import Addresses
from tests.web import Reply, WebServer

PRIVATE = [
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.8.8.8", "100.64.0.1"),
    *("::1", "fc00::1", "fd12::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
]
NEVER = [
    *("0.0.0.0", "169.254.169.254", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1"),  # noqa: S104
    *(
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:169.254.169.254",
    ),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2001::1", "100::1", "::7f00:1", "not an address", ""),
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_connected_to(address):
    assert Addresses(DownloadPolicy()).refusal(address) == ""


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_unless_allowed(address):
    assert "private" in Addresses(DownloadPolicy()).refusal(address)
    assert Addresses(DownloadPolicy(allow_private=True)).refusal(address) == ""


@pytest.mark.parametrize("address", NEVER)
def test_others_are_refused_although_private_ones_are_allowed(address):
    assert Addresses(DownloadPolicy(allow_private=True)).refusal(address) != ""


def test_a_network_can_be_allowed_alone():
    addresses = Addresses(DownloadPolicy(allowed_networks=("10.1.0.0/16", "169.254.1.1/32", "fd00:1::/32")))
    allowed = ("10.1.2.3", "169.254.1.1", "fd00:1::5", "::ffff:10.1.2.3")
    assert [addresses.refusal(address) for address in allowed] == [""] * 4
    assert all(addresses.refusal(address) for address in ("10.2.0.1", "169.254.1.2", "fd00:2::5", "127.0.0.1"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"]
)
@pytest.mark.parametrize("path", ["/a"])
def test_no_spelling_of_a_private_address_is_asked(server, host, path):
    url = f"http://{host}:{server.port}{path}"
    [(download, body)] = fetch_all([url], DownloadPolicy(num_attempts=1), state_folder=None)
    assert (download.outcome, body) == (Outcome.REFUSED_ADDRESS, None)
    assert failure_of(download).status == "refused"
    assert (server.num_connections, server.log) == (0, [])


def test_a_redirect_to_a_private_address_is_not_followed(server, policy):
    with WebServer({"*": Reply(body=b"secret")}, host="127.0.0.2") as inside:
        server.routes["/a"] = Reply(302, headers=(("Location", inside.url + "/secret"),))
        [(download, body)] = fetch_all([server.url + "/a"], policy, state_folder=None)
        assert (download.outcome, body, download.final_url) == (Outcome.REFUSED_ADDRESS, None, inside.url + "/secret")
        assert "127.0.0.2: a private address" in download.error
        assert (inside.num_connections, server.counts) == (0, {"/a": 1})


def test_an_open_connection_is_no_way_around_the_check(server, policy):
    server.routes["*"] = Reply(body=b"x")
    urls = [server.url + "/a", f"http://127.0.0.2:{server.port}/b", server.url + "/c"]
    found = [download.outcome for download, _ in fetch_all(urls, policy, state_folder=None)]
    assert found == [Outcome.FETCHED, Outcome.REFUSED_ADDRESS, Outcome.FETCHED]
    assert server.counts == {"/a": 1, "/c": 1}


def test_the_environment_names_no_proxy(server, policy, monkeypatch):
    with WebServer() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        server.routes["/a"] = Reply(body=b"a")
        assert next(fetch_all([server.url + "/a"], policy, state_folder=None))[1] == b"a"
        assert proxy.num_connections == 0


def test_a_netrc_is_not_read(server, policy, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    next(fetch_all([server.url + "/a"], policy, state_folder=None))
    assert "authorization" not in server.log[-1].headers


def test_cookies_are_neither_kept_nor_sent(server, policy):
    server.routes["*"] = Reply(body=b"x", headers=(("Set-Cookie", "id=1; Path=/"),))
    list(fetch_all(server.urls(["/a", "/b", "/c"]), policy, state_folder=None))
    assert all("cookie" not in seen.headers for seen in server.log)
