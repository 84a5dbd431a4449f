"""The opt-outs of an answer: `X-Robots-Tag` and `tdm-reservation`, read before any of the body."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pipelines.samples import Modality
from pipelines.sources.downloading.policy import DownloadPolicy

ALLOWED = "allowed"
_EVERY_USE = frozenset({"noai", "noml", "noindex", "none"})
_IMAGES = frozenset({"noimageai", "noimageindex"})
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_EVERYONE = frozenset({"*", "robots"})
_SCOPE = re.compile(r"\s*([A-Za-z0-9_.*/-]+)\s*:(.*)", re.DOTALL)


def read_consent(headers: Iterable[tuple[str, str]], policy: DownloadPolicy, *, now: float) -> str:
    """`allowed`, or the first directive that binds us, such as `x-robots-tag: noai`; names are lower case."""
    for name, value in headers:
        if name == "x-robots-tag":
            directive = _binding(value, policy, now)
            if directive:
                return f"{name}: {directive}"
        elif name == "tdm-reservation" and value.strip() == "1":
            return f"{name}: 1"
    return ALLOWED


def _binding(value: str, policy: DownloadPolicy, now: float) -> str:
    """`agent: a, b, other: c` binds the agent to a and b; without an agent all are bound."""
    agent = "*"
    elements = value.split(",")
    for position, element in enumerate(elements):
        directive = element
        scoped = _SCOPE.fullmatch(directive)
        if scoped and scoped[1].lower() not in _WITH_VALUE:
            agent, directive = scoped[1].lower(), scoped[2]
        name, _, argument = directive.strip().lower().partition(":")
        if not _is_us(agent, policy):
            continue
        if name.strip() == "unavailable_after":
            if _is_past(argument, elements[position + 1 :], now):
                return directive.strip().lower()
        elif _forbids(name.strip(), policy):
            return name.strip()
    return ""


def _is_us(agent: str, policy: DownloadPolicy) -> bool:
    return agent in _EVERYONE or agent.partition("/")[0] == policy.agent_token.lower()


def _forbids(directive: str, policy: DownloadPolicy) -> bool:
    return directive in _EVERY_USE or (directive in _IMAGES and policy.modality is not Modality.AUDIO)


def _is_past(text: str, following: list[str], now: float) -> bool:
    """A date that nobody can read counts as past: its owner meant an end."""
    for candidate in (text, ",".join([text, *following[:1]])):
        moment = _moment(candidate.strip())
        if moment is not None:
            return moment.timestamp() <= now
    return True


def _moment(text: str) -> datetime | None:
    """RFC 822, RFC 850 or ISO 8601; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
