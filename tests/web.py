"""A web server on a loopback address, in a thread of the test: it answers as told and remembers every request."""

import asyncio
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; with `Content-Length` unless a header says otherwise."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def encoded(self, *, without_body: bool = False) -> bytes:
        named = {name.lower() for name, _ in self.headers}
        headers = [*self.headers]
        if not named & {"content-length", "transfer-encoding"}:
            headers.append(("Content-Length", str(len(self.body))))
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", *(f"{k}: {v}" for k, v in headers)]
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if without_body else self.body)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request."""

    method: str
    path: str
    headers: dict[str, str] = field(compare=False)


Route = Reply | Handler | list["Reply | Handler"]


class WebServer:
    """`with WebServer({"/a.jpg": Reply(body=...)}) as server`; a list of answers is used up to its last one."""

    def __init__(self, routes: dict[str, Route] | None = None, *, host: str = "127.0.0.1") -> None:
        self.routes: dict[str, Route] = dict(routes or {})
        self.host = host
        self.log: list[Seen] = []
        self.most_at_once = 0
        self.num_connections = 0
        self.tls: ssl.SSLContext | None = None
        self._num_open = 0
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, self.host, 0, ssl=self.tls))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def urls(self, paths: Iterable[str]) -> list[str]:
        return [self.url + path for path in paths]

    @property
    def counts(self) -> Counter[str]:
        """Requests by path, robots.txt left out."""
        return Counter(seen.path for seen in self.log if seen.path != "/robots.txt")

    @property
    def num_robots(self) -> int:
        return sum(seen.path == "/robots.txt" for seen in self.log)

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self.num_connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    await writer.drain()
                writer.close()
                await writer.wait_closed()
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        self.log.append(Seen(method, path, {name.lower(): value for name, value in headers.items()}))
        elsewhere = Reply(404, b"nothing here")
        others = elsewhere if path == "/robots.txt" else self.routes.get("*", elsewhere)
        route = self.routes.get(path.partition("?")[0], others)
        if isinstance(route, list):
            route = route.pop(0) if len(route) > 1 else route[0]
        self._num_open += 1
        self.most_at_once = max(self.most_at_once, self._num_open)
        try:
            if not isinstance(route, Reply):
                await route(writer)
                return False
            writer.write(route.encoded(without_body=method == "HEAD"))
        finally:
            self._num_open -= 1
        return True


def after(seconds: float, reply: Reply) -> Handler:
    """The answer, late; then the connection ends."""

    async def handle(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        writer.write(reply.encoded())
        await writer.drain()

    return handle


async def reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with a reset in place of an answer."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()
