import asyncio
import ssl
from dataclasses import replace

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from pipelines.sources.downloading import Outcome, fetch_all
from tests.web import Reply, Seen, WebServer


class Http2Server(WebServer):
    """The same over TLS and HTTP/2: what a route replies goes out as one stream."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        self.num_connections += 1
        self._tasks.add(asyncio.current_task())
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        unsent: dict[int, bytes] = {}
        while True:
            self._send(connection, unsent)
            writer.write(connection.data_to_send())
            data = await reader.read(1 << 16)
            if not data:
                writer.close()
                return
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    headers = {name.decode(): value.decode() for name, value in event.headers}
                    self._reply(connection, event.stream_id, headers, unsent)
                elif isinstance(event, h2.events.StreamReset):
                    unsent.pop(event.stream_id, None)

    def _reply(self, connection, stream, headers, unsent) -> None:
        path, method = headers[":path"], headers[":method"]
        self.log.append(Seen(method, path, headers))
        reply = self.routes.get(path, Reply(404))
        names = [(":status", str(reply.status)), *((name.lower(), value) for name, value in reply.headers)]
        connection.send_headers(stream, names, end_stream=not reply.body or method == "HEAD")
        if reply.body and method != "HEAD":
            unsent[stream] = reply.body

    def _send(self, connection, unsent) -> None:
        """As much as the windows allow."""
        for stream in list(unsent):
            while stream in unsent:
                room = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size)
                if not room:
                    break
                body = unsent.pop(stream)
                connection.send_data(stream, body[:room], end_stream=len(body) <= room)
                if len(body) > room:
                    unsent[stream] = body[room:]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def secure(authority):
    server = Http2Server()
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.set_alpn_protocols(["h2"])
    authority.issue_cert("127.0.0.1").configure_cert(server.tls)
    with server:
        yield server


@pytest.fixture
def trusting(policy, authority, tmp_path):
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return replace(policy, ca_file=path, num_attempts=1)


def test_many_files_come_over_one_http2_connection(secure, trusting):
    bodies = {f"/{n}": bytes([n]) * (40_000 + n) for n in range(30)}
    secure.routes = {path: Reply(body=body) for path, body in bodies.items()}
    found = list(fetch_all(secure.urls(bodies), replace(trusting, per_host=16), state_folder=None))
    assert [body for _, body in found] == list(bodies.values())
    assert secure.num_connections == 1
    assert set(secure.counts.values()) == {1}


def test_an_opt_out_over_http2_ends_its_stream_and_not_the_connection(secure, trusting):
    secure.routes = {f"/{n}": Reply(body=bytes(40_000)) for n in range(10)}
    secure.routes["/no"] = Reply(body=bytes(1_000_000), headers=(("X-Robots-Tag", "noml"),))
    found = list(fetch_all(secure.urls(["/no", *(f"/{n}" for n in range(10))]), trusting, state_folder=None))
    assert [download.outcome for download, _ in found] == [Outcome.OPTED_OUT] + [Outcome.FETCHED] * 10
    assert (secure.counts["/no"], secure.num_connections) == (1, 1)


def test_a_certificate_that_nobody_vouches_for_is_refused(secure, policy):
    [(download, body)] = fetch_all([secure.url + "/a"], policy, state_folder=None)
    assert (download.outcome, body, secure.log) == (Outcome.TLS, None, [])


def test_a_redirect_from_https_is_checked_as_any_other(secure, trusting):
    with WebServer({"*": Reply(body=b"inside")}, host="127.0.0.2") as inside:
        secure.routes = {"/a": Reply(302, headers=(("Location", inside.url + "/x"),))}
        [(download, _)] = fetch_all([secure.url + "/a"], trusting, state_folder=None)
        assert (download.outcome, inside.num_connections) == (Outcome.REFUSED_ADDRESS, 0)
