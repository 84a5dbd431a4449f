"""The way to one URL: robots.txt, a turn at the host, the request, each redirect, and again where that may help."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pycurl

from pipelines.samples import Download
from pipelines.sources.downloading.addresses import Addresses
from pipelines.sources.downloading.answers import Answer
from pipelines.sources.downloading.budget import ByteBudget
from pipelines.sources.downloading.hosts import HostLimits
from pipelines.sources.downloading.locks import MachineLocks
from pipelines.sources.downloading.outcomes import Outcome
from pipelines.sources.downloading.policy import DownloadPolicy
from pipelines.sources.downloading.redirects import next_hop
from pipelines.sources.downloading.robots import MAX_BYTES, Robots, Rules
from pipelines.sources.downloading.transfers import Request, Transfer
from pipelines.sources.downloading.urls import InvalidURL, Target, parse_url, printable

_LEAST_SECONDS = 0.001
_NO_HEAD = frozenset({403, 405, 501})
"""Codes of servers that answer GET alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A URL and how it is asked for."""

    url: str
    etag: str = ""
    last_modified: str = ""
    """With either the answer may be `not_modified`, and no body comes."""
    wants_body: bool = True

    def headers(self) -> tuple[str, ...]:
        """Of a conditional request."""
        given = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        return tuple(f"{name}: {value}" for name, value in given if value and value.isprintable())


class Visitor:
    """All that the visits of one event loop share."""

    def __init__(
        self, policy: DownloadPolicy, locks: MachineLocks, folder: Path | None, *, is_short: Callable[[], bool]
    ) -> None:
        self.budget = ByteBudget(policy.look_ahead_bytes, is_short)
        self._policy = policy
        self._addresses = Addresses(policy)
        self._hosts = HostLimits(policy, locks, folder)
        self._robots = Robots(policy, self._ask_for_robots, locks, folder)
        self._multi = pycurl.AsyncCurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, 2 * policy.in_flight)
        self._permits = asyncio.Semaphore(policy.in_flight)
        self._transfers: list[Transfer] = []
        self._idle: list[Transfer] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._robots.close()
        await self._multi.aclose()
        for transfer in self._transfers:
            transfer.close()

    async def visit(self, position: int, wanted: Wanted) -> tuple[Download, bytes | None]:
        """The row of the ledger, and the body where it was fetched."""
        try:
            target = parse_url(wanted.url)
        except InvalidURL as error:
            refused = Answer(outcome=Outcome.INVALID_URL, error=str(error), was_asked=False)
            return _download(wanted, refused, 0), None
        request = Request(
            target.url,
            self._policy.max_bytes,
            position=position,
            headers=wanted.headers(),
            method="GET" if wanted.wants_body else "HEAD",
            wants_body=wanted.wants_body,
        )
        answer, num_attempts = await self._persist(target, request)
        if request.method == "HEAD" and answer.http_status in _NO_HEAD:
            answer, num_attempts = await self._persist(target, replace(request, method="GET"))
        return _download(wanted, answer, num_attempts), answer.body

    async def _persist(self, target: Target, request: Request) -> tuple[Answer, int]:
        """The last answer, and how often the first URL was asked for."""
        num_asked = 0
        for attempt in itertools.count(1):
            answer = await self._follow(target, request)
            num_asked += answer.was_asked
            if not (answer.outcome.is_retried and answer.was_asked):
                break
            seconds = self._seconds_to_wait(answer, attempt)
            if attempt == self._policy.num_attempts or seconds > self._policy.max_wait_seconds:
                break
            await asyncio.sleep(seconds)
        return answer, num_asked

    def _seconds_to_wait(self, answer: Answer, attempt: int) -> float:
        """What the host said, which then holds for all of its URLs; else longer each time."""
        said = answer.retry_after_seconds if answer.http_status in (429, 503) else None
        if said is None:
            return self._policy.backoff_seconds * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)
        self._hosts.pause(answer.host, said)
        return said

    async def _follow(self, target: Target, request: Request) -> Answer:
        """One attempt: every hop is checked like a first one."""
        seconds = self._policy.timeout_seconds
        was_asked = False
        hops: list[str] = []
        while True:
            hops.append(target.url)
            answer = await self._hop(target, request, seconds)
            was_asked = was_asked or answer.was_asked
            answer.was_asked, answer.url, answer.host = was_asked, target.url, target.host
            seconds = max(seconds - answer.seconds, _LEAST_SECONDS)
            following = next_hop(answer, target, hops, self._policy.max_redirects) if answer.is_redirect else None
            if following is None:
                return answer
            target = following

    async def _hop(self, target: Target, request: Request, seconds: float) -> Answer:
        delay_seconds = 0.0
        if self._policy.respect_robots and not request.is_robots:
            rules = await self._robots.rules(target)
            refusal = self._refusal(rules, target)
            if refusal is not None:
                return refusal
            delay_seconds = rules.delay_seconds
        return await self._ask(target, replace(request, url=target.url), delay_seconds, seconds)

    def _refusal(self, rules: Rules, target: Target) -> Answer | None:
        if rules.outcome is not Outcome.FETCHED:
            return Answer(outcome=rules.outcome, error=f"robots.txt: {rules.error}", was_asked=False)
        if not rules.allows(target):
            error = f"robots.txt forbids it to {self._policy.agent_token}"
            return Answer(outcome=Outcome.ROBOTS, consent="robots", error=error, was_asked=False)
        delay, most = rules.delay_seconds, self._policy.max_wait_seconds
        if delay > most:
            error = f"robots.txt wants {delay:.0f} s between requests, we wait for {most:.0f} s"
            return Answer(outcome=Outcome.CRAWL_DELAY, error=error, was_asked=False)
        return None

    async def _ask_for_robots(self, target: Target) -> Answer:
        answer, _ = await self._persist(target, Request(target.url, MAX_BYTES, is_robots=True))
        return answer

    async def _ask(self, target: Target, request: Request, delay_seconds: float, seconds: float) -> Answer:
        try:
            async with self._hosts.turn(target.host, delay_seconds=delay_seconds), self._permits:
                started = time.monotonic()
                transfer = self._idle.pop() if self._idle else self._new_transfer()
                try:
                    answer = await transfer.perform(self._multi, request, seconds)
                finally:
                    self._idle.append(transfer)
                answer.seconds = time.monotonic() - started
                return answer
        except TimeoutError as error:
            message = str(error) or f"no turn within {self._policy.host_wait_seconds:.0f} seconds"
            return Answer(outcome=Outcome.HOST_BUSY, error=message, was_asked=False)

    def _new_transfer(self) -> Transfer:
        transfer = Transfer(self._policy, self._addresses, self.budget)
        self._transfers.append(transfer)
        return transfer


def _download(wanted: Wanted, answer: Answer, num_attempts: int) -> Download:
    return Download(
        url=printable(wanted.url),
        outcome=answer.outcome,
        final_url=printable(answer.url),
        http_status=answer.http_status,
        etag=answer.header("etag"),
        last_modified=answer.header("last-modified"),
        content_type=answer.header("content-type"),
        consent=answer.consent,
        num_attempts=num_attempts,
        num_bytes=len(answer.body or b""),
        seen_at=time.time(),
        error=answer.error,
    )
