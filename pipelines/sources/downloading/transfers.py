"""One request at a time through one libcurl handle, which is used again and again."""

import asyncio
import time
from dataclasses import dataclass

import pycurl

from pipelines.sources.downloading.addresses import Addresses
from pipelines.sources.downloading.answers import FILE_CODES, REDIRECT_CODES, Answer, outcome_of_code, read_headers
from pipelines.sources.downloading.budget import ByteBudget
from pipelines.sources.downloading.consent import ALLOWED, read_consent
from pipelines.sources.downloading.handles import make_handle, outcome_of_error
from pipelines.sources.downloading.outcomes import Outcome
from pipelines.sources.downloading.policy import DownloadPolicy
from pipelines.sources.downloading.sockets import SocketOpener

_DISCARDED_BYTES = 64 << 10
"""Of the body of an error or a redirect, read so that the connection can be used again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of one server."""

    url: str
    max_bytes: int
    position: int | None = None
    """Of the result among the results; none for what is kept for a moment only."""
    headers: tuple[str, ...] = ()
    method: str = "GET"
    wants_body: bool = True
    is_robots: bool = False
    """Then opt-outs do not apply, and what is beyond the limit is cut off."""


class Transfer:
    """A handle with the state of its present request."""

    def __init__(self, policy: DownloadPolicy, addresses: Addresses, budget: ByteBudget) -> None:
        self._policy = policy
        self._budget = budget
        self._opener = SocketOpener(addresses)
        self._curl = make_handle(policy)
        self._curl.setopt(pycurl.OPENSOCKETFUNCTION, self._opener)
        self._curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        self._curl.setopt(pycurl.WRITEFUNCTION, self._on_body)
        self._begin(Request("", 0))

    def close(self) -> None:
        """Not while a request runs."""
        self._curl.close()

    async def perform(self, multi: pycurl.AsyncCurlMulti, request: Request, timeout_seconds: float) -> Answer:
        """The answer, whatever it is; paused time does not count."""
        self._begin(request)
        self._prepare(request)
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + timeout_seconds
        self._timer = loop.call_at(self._deadline, self._expire, multi)
        if request.position is not None:
            self._budget.start(request.position)
        try:
            await multi.add_handle(self._curl)
            self._complete()
        except pycurl.error as error:
            self._fail(int(error.args[0]), str(error.args[1]))
        except asyncio.CancelledError:
            if not self._has_expired:
                raise
            self._fail(pycurl.E_OPERATION_TIMEDOUT, f"no complete answer within {timeout_seconds:.0f} seconds")
        finally:
            self._timer.cancel()
            if request.position is not None:
                self._budget.finish(request.position, num_kept=len(self._answer.body or b""))
        return self._answer

    def _begin(self, request: Request) -> None:
        self._request = request
        self._answer = Answer(url=request.url)
        self._lines: list[bytes] = []
        self._chunks: list[bytes] = []
        self._num_bytes = 0
        self._is_judged = self._is_stopped = self._has_expired = False
        self._paused_at: float | None = None
        self._opener.reset()

    def _prepare(self, request: Request) -> None:
        curl = self._curl
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.HTTPHEADER, ["Accept-Encoding: identity", *request.headers])
        if request.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        else:
            curl.setopt(pycurl.HTTPGET, 1)

    def _on_header(self, line: bytes) -> int | None:
        if line.startswith(b"HTTP/"):
            self._lines.clear()
            self._answer.http_status = int(line.split(None, 2)[1])
        elif line not in (b"\r\n", b"\n"):
            self._lines.append(line)
        elif (self._answer.http_status or 0) >= 200 and not self._is_judged:
            self._is_judged = True
            return self._judge()
        return None

    def _judge(self) -> int | None:
        """All headers are there and none of the body: stop here (0) or go on."""
        answer, request = self._answer, self._request
        answer.headers = read_headers(self._lines)
        code = answer.http_status or 0
        answer.outcome = outcome_of_code(code)
        if (code in FILE_CODES or code in REDIRECT_CODES) and not request.is_robots:
            answer.consent = read_consent(answer.headers, self._policy, now=time.time())
        if answer.consent != ALLOWED and self._policy.respect_opt_out:
            answer.outcome, answer.error = Outcome.OPTED_OUT, f"the owner says {answer.consent}"
            return self._stop()
        if answer.outcome is not Outcome.FETCHED:
            return None if answer.announced_bytes <= _DISCARDED_BYTES else self._stop()
        if not request.wants_body:
            return self._stop()
        if answer.announced_bytes > request.max_bytes and not request.is_robots:
            return self._too_large(answer.announced_bytes)
        return None

    def _on_body(self, chunk: bytes) -> int | None:
        self._num_bytes += len(chunk)
        if self._answer.outcome is not Outcome.FETCHED:
            return None if self._num_bytes <= _DISCARDED_BYTES else self._stop()
        if self._num_bytes > self._request.max_bytes:
            return self._stop() if self._request.is_robots else self._too_large(self._num_bytes)
        position = self._request.position
        if position is not None and not self._budget.receive(position, len(chunk), self._resume):
            self._num_bytes -= len(chunk)
            self._paused_at = asyncio.get_running_loop().time()
            return int(pycurl.WRITEFUNC_PAUSE)
        self._chunks.append(chunk)
        return None

    def _too_large(self, num_bytes: int) -> int | None:
        self._answer.outcome = Outcome.TOO_LARGE
        self._answer.error = f"{num_bytes} bytes or more, the limit is {self._request.max_bytes}"
        self._chunks.clear()
        return self._stop()

    def _stop(self) -> int | None:
        """Nothing more is wanted: an answer without a body ends by itself, any other is cut off."""
        self._is_stopped = True
        return None if self._request.method == "HEAD" else 0

    def _resume(self) -> None:
        if self._paused_at is not None:
            self._deadline += asyncio.get_running_loop().time() - self._paused_at
            self._paused_at = None
        self._curl.pause(pycurl.PAUSE_CONT)

    def _expire(self, multi: pycurl.AsyncCurlMulti) -> None:
        """At the deadline, which pauses may have moved."""
        loop = asyncio.get_running_loop()
        if self._paused_at is not None or loop.time() < self._deadline:
            self._timer = loop.call_at(max(self._deadline, loop.time() + 0.1), self._expire, multi)
            return
        self._has_expired = True
        multi.remove_handle(self._curl)

    def _complete(self) -> None:
        answer = self._answer
        if answer.outcome is Outcome.FETCHED and self._request.wants_body:
            answer.body = b"".join(self._chunks)
        elif answer.outcome not in (Outcome.FETCHED, Outcome.NOT_MODIFIED):
            answer.error = answer.error or f"HTTP {answer.http_status}"

    def _fail(self, code: int, message: str) -> None:
        """What libcurl calls an error may be our own stop, or follow an answer that said enough."""
        answer = self._answer
        if self._is_stopped or (self._is_judged and answer.outcome is not Outcome.FETCHED):
            self._complete()
        elif self._opener.refusals and not self._opener.num_opened:
            answer.outcome, answer.error = Outcome.REFUSED_ADDRESS, "; ".join(self._opener.refusals)
        else:
            answer.outcome = outcome_of_error(self._curl, code)
            answer.error = message or f"libcurl error {code}"
