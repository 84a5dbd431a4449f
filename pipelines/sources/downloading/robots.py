"""robots.txt (RFC 9309): asked for once per origin and machine, kept for a day, obeyed by the longest match."""

import asyncio
import hashlib
import json
import os
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from protego import Protego

from pipelines.sources.downloading.answers import Answer
from pipelines.sources.downloading.locks import MachineLocks
from pipelines.sources.downloading.outcomes import Outcome
from pipelines.sources.downloading.policy import DownloadPolicy
from pipelines.sources.downloading.urls import Target

MAX_BYTES = 512 << 10
"""RFC 9309 wants at least 500 KiB to be read; the rest of a longer file is left out."""
_UNREACHABLE_SECONDS = 60.0
"""After this long a host is asked again."""
_POLL_SECONDS = 0.03
_MOST_ORIGINS = 4096
_AGENT_LINE = re.compile(r"^([ \t]*user[- ]?agent[ \t]*:?[ \t]*)([^\r\n#]*)", re.IGNORECASE | re.MULTILINE)
_UNAVAILABLE = frozenset({Outcome.NOT_FOUND, Outcome.HTTP_ERROR, Outcome.TOO_MANY_REDIRECTS, Outcome.INVALID_URL})
"""Then everything is allowed."""

Ask = Callable[[Target], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Rules:
    """What an origin allows us."""

    text: str
    outcome: Outcome
    """`fetched` where the rules are known; else why nothing may be asked for now."""
    error: str
    expires_at: float
    parsed: Protego
    agent: str

    def allows(self, target: Target) -> bool:
        return bool(self.parsed.can_fetch(target.url, self.agent))

    @property
    def delay_seconds(self) -> float:
        """Crawl-delay; 0 where there is none."""
        return float(self.parsed.crawl_delay(self.agent) or 0.0)


def parse_rules(
    text: str, policy: DownloadPolicy, *, expires_at: float, outcome: Outcome = Outcome.FETCHED, error: str = ""
) -> Rules:
    """Groups count for us where their whole product token is ours, and `*` where none is."""
    agent = policy.agent_token.lower()
    named = _AGENT_LINE.sub(lambda line: line[1] + _named(line[2], agent), text.lstrip("\ufeff"))
    return Rules(text, outcome, error, expires_at, Protego.parse(named), agent)


def _named(value: str, agent: str) -> str:
    """`Trivium/2.0 (x)` is us; `trivia` and `triviumbot` are others, also where the parser would take a part for it."""
    token = re.match(r"[A-Za-z_-]*|\*", value.strip().lstrip("*"))
    if value.strip() == "*":
        return "*"
    return agent if token and token[0].lower() == agent else "(other)"


class Robots:
    """The rules of every origin that is met; for one event loop."""

    def __init__(self, policy: DownloadPolicy, ask: Ask, locks: MachineLocks, folder: Path | None) -> None:
        self._policy = policy
        self._ask = ask
        self._locks = locks
        self._folder = folder / "robots" if folder else None
        self._known: dict[str, Rules] = {}
        self._asking: dict[str, asyncio.Task[Rules]] = {}

    async def rules(self, target: Target) -> Rules:
        """Of the target's origin."""
        known = self._known.get(target.origin)
        if known is not None and time.time() < known.expires_at:
            return known
        task = self._asking.get(target.origin)
        if task is None:
            task = self._asking[target.origin] = asyncio.create_task(self._find(target))
            task.add_done_callback(lambda _: self._asking.pop(target.origin, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ask no further."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find(self, target: Target) -> Rules:
        """One process asks; the others wait for what it writes."""
        origin = target.origin
        name = f"robots.txt {origin}"
        while (rules := self._read(origin)) is None:
            if self._locks.try_lock(name):
                try:
                    rules = self._read(origin) or await self._fetch(target)
                    break
                finally:
                    self._locks.unlock(name)
            await asyncio.sleep(_POLL_SECONDS)
        if len(self._known) >= _MOST_ORIGINS:
            self._known.pop(next(iter(self._known)))
        self._known[origin] = rules
        return rules

    async def _fetch(self, target: Target) -> Rules:
        answer = await self._ask(Target(f"{target.origin}/robots.txt", target.host, target.origin))
        now = time.time()
        if answer.outcome is Outcome.FETCHED:
            text = (answer.body or b"").decode("utf-8", "replace")
            rules = parse_rules(text, self._policy, expires_at=now + self._policy.robots_seconds)
        elif answer.outcome in _UNAVAILABLE:
            rules = parse_rules("", self._policy, expires_at=now + self._policy.robots_seconds)
        else:
            rules = parse_rules(
                "", self._policy, expires_at=now + _UNREACHABLE_SECONDS, outcome=_why(answer), error=answer.error
            )
        self._write(target.origin, rules)
        return rules

    def _read(self, origin: str) -> Rules | None:
        if self._folder is None:
            return None
        try:
            kept = json.loads(self._path(origin).read_bytes())
            text, outcome, error = str(kept["text"]), Outcome(kept["outcome"]), str(kept["error"])
            expires_at = float(kept["expires_at"])
        except (OSError, ValueError, KeyError, TypeError):  # not there, or not ours: ask again
            return None
        if not time.time() < expires_at <= time.time() + self._policy.robots_seconds:
            return None
        return parse_rules(text, self._policy, expires_at=expires_at, outcome=outcome, error=error)

    def _write(self, origin: str, rules: Rules) -> None:
        if self._folder is None:
            return
        path = self._path(origin)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        names = ("text", "outcome", "error", "expires_at")
        aside.write_text(json.dumps({"origin": origin} | {name: getattr(rules, name) for name in names}))
        aside.replace(path)

    def _path(self, origin: str) -> Path:
        assert self._folder is not None
        digest = hashlib.blake2b(origin.encode(), digest_size=12).hexdigest()
        return self._folder / digest[:2] / f"{digest}.json"


def _why(answer: Answer) -> Outcome:
    """Of a URL whose robots.txt could not be asked for: the host's own fault where it has no address or no trust."""
    if answer.outcome in (Outcome.UNRESOLVED, Outcome.TLS, Outcome.REFUSED_ADDRESS, Outcome.HOST_BUSY):
        return answer.outcome
    return Outcome.ROBOTS_UNREACHABLE
