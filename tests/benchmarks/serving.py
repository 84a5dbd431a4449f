"""A web server in a process of its own that costs as little as it can: 36 KB photographs, and a log of what was asked.

`/found/N.jpg` is there, `/missing/N.jpg` is not, the owner of `/withheld/N.jpg` opted out. `/log` gives and forgets the
requests by path.
"""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

NUM_PHOTOGRAPHS = 128


class Photographs(asyncio.Protocol):
    """HTTP/1.1 without a framework; every answer is ready before the first request."""

    log: ClassVar[Counter[str]] = Counter()

    def __init__(self, answers: list[bytes]) -> None:
        self._answers = answers
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head, self._received = self._received[:end], self._received[end + 4 :]
            self._transport.write(self._answer(head.split(b" ", 2)[1].decode()))
            if b"onnection: close" in head:
                self._transport.close()

    def _answer(self, path: str) -> bytes:
        if path == "/log":
            counts, Photographs.log = Photographs.log, Counter()
            return _encoded("200 OK", json.dumps(counts).encode())
        Photographs.log[path] += 1
        kind, _, name = path[1:].partition("/")
        if kind in ("found", "withheld"):
            number = int(name.removesuffix(".jpg")) % NUM_PHOTOGRAPHS
            return self._answers[number + (kind == "withheld") * NUM_PHOTOGRAPHS]
        return _encoded("404 Not Found", b"nothing here")


def _encoded(status: str, body: bytes, header: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{header}\r\n".encode() + body


@contextmanager
def serving() -> Iterator[str]:
    """The server's URL."""
    command = [sys.executable, "-m", "tests.benchmarks.serving"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def requests_of(url: str) -> Counter[str]:
    """What was asked since the last call, by path."""
    with urllib.request.urlopen(f"{url}/log") as answer:  # noqa: S310 - a server of ours
        return Counter(json.load(answer))


async def _serve() -> None:
    from tests.benchmarks.making import photograph

    photographs = [photograph(seed) for seed in range(NUM_PHOTOGRAPHS)]
    headers = "Content-Type: image/jpeg\r\n", "Content-Type: image/jpeg\r\nX-Robots-Tag: noai\r\n"
    answers = [_encoded("200 OK", body, header) for header in headers for body in photographs]
    server = await asyncio.get_running_loop().create_server(lambda: Photographs(answers), "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
