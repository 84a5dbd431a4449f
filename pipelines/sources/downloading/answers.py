"""One answer of one server, and what it says about itself before its body."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from pipelines.sources.downloading.consent import ALLOWED
from pipelines.sources.downloading.outcomes import Outcome

FILE_CODES = frozenset({200, 203})
REDIRECT_CODES = frozenset({301, 302, 303, 307, 308})
_KEPT = frozenset(
    {
        *("content-encoding", "content-length", "content-type", "etag", "last-modified", "location", "retry-after"),
        *("tdm-reservation", "x-robots-tag"),
    }
)


@dataclass(slots=True)
class Answer:
    """Filled while it arrives."""

    outcome: Outcome = Outcome.CONNECTION
    http_status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    consent: str = ALLOWED
    body: bytes | None = None
    error: str = ""
    url: str = ""
    """What was asked, after redirects."""
    host: str = ""
    seconds: float = 0.0
    was_asked: bool = True
    """Whether the first URL was; a redirect does not change that."""

    def header(self, name: str) -> str:
        """The last value; empty where there is none."""
        return next((value for found, value in reversed(self.headers) if found == name), "")

    @property
    def is_redirect(self) -> bool:
        """To be followed: it leads somewhere, and its owner did not opt out."""
        may_follow = self.http_status in REDIRECT_CODES and self.outcome is Outcome.HTTP_ERROR
        return may_follow and bool(self.header("location"))

    @property
    def announced_bytes(self) -> int:
        """Content-Length; 0 where it is unknown."""
        length = self.header("content-length")
        return int(length) if length.isascii() and length.isdigit() else 0

    @property
    def retry_after_seconds(self) -> float | None:
        """Seconds, or until a date; none where the host did not say."""
        text = self.header("retry-after").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
        except (ValueError, TypeError, IndexError):
            return None


def read_headers(lines: Iterable[bytes]) -> list[tuple[str, str]]:
    """Those that matter here, names in lower case."""
    found: list[tuple[str, str]] = []
    for line in lines:
        name, _, value = line.partition(b":")
        lowered = name.strip().lower().decode("latin-1")
        if lowered in _KEPT:
            found.append((lowered, value.strip().decode("utf-8", "replace")[:4000]))
    return found


def outcome_of_code(code: int) -> Outcome:
    """What a final answer's code means."""
    if code in FILE_CODES:
        return Outcome.FETCHED
    if code == 304:
        return Outcome.NOT_MODIFIED
    if code in (404, 410):
        return Outcome.NOT_FOUND
    if code == 429:
        return Outcome.RATE_LIMITED
    return Outcome.SERVER_ERROR if code == 408 or 500 <= code < 600 else Outcome.HTTP_ERROR
