"""What may become of a URL, and what that means for a later run and for the sidecar."""

from enum import StrEnum

from pipelines.errors import SampleError
from pipelines.samples import Download


class Outcome(StrEnum):
    """A word of the ledger."""

    FETCHED = "fetched"
    NOT_MODIFIED = "not_modified"
    """A conditional request was answered with 304."""

    INVALID_URL = "invalid_url"
    """Not http or https, no host, a user name or password in it, a port of another protocol."""
    REFUSED_ADDRESS = "refused_address"
    """The host, or one that it redirects to, has no address that may be connected to."""
    ROBOTS = "robots"
    OPTED_OUT = "opted_out"
    CRAWL_DELAY = "crawl_delay"
    """The host asks for longer pauses than the policy waits for."""

    NOT_FOUND = "not_found"
    HTTP_ERROR = "http_error"
    """An answer that asking again does not change: 4xx, and what is neither a file nor a redirect."""
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    TLS = "tls"
    """No trusted certificate, or no common protocol."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNRESOLVED = "unresolved"
    """The name of the host has no address now."""
    CONNECTION = "connection"
    """Refused, reset, or ended before the whole body."""
    TIMEOUT = "timeout"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    """robots.txt failed for a passing reason, which forbids everything until it does not (RFC 9309)."""
    HOST_BUSY = "host_busy"
    """Other processes kept the host busy, or it asked to be left alone, for longer than the policy waits."""

    @property
    def is_transient(self) -> bool:
        """A later run may fare better."""
        return self in _TRANSIENT

    @property
    def is_retried(self) -> bool:
        """Asked again within the run."""
        return self in _RETRIED

    @property
    def status(self) -> str:
        """The sidecar's word."""
        if self is Outcome.FETCHED:
            return "success"
        return "refused" if self in _REFUSED else "failed_to_download"


_RETRIED = frozenset(
    {Outcome.RATE_LIMITED, Outcome.SERVER_ERROR, Outcome.UNRESOLVED, Outcome.CONNECTION, Outcome.TIMEOUT}
)
_TRANSIENT = _RETRIED | {Outcome.ROBOTS_UNREACHABLE, Outcome.HOST_BUSY}
_REFUSED = frozenset(
    {Outcome.INVALID_URL, Outcome.REFUSED_ADDRESS, Outcome.ROBOTS, Outcome.OPTED_OUT, Outcome.CRAWL_DELAY}
)


def failure_of(download: Download) -> SampleError:
    """The row of a record whose media could not be fetched."""
    outcome = Outcome(download.outcome)
    assert outcome is not Outcome.FETCHED, f"{download.url}: fetched is no failure"
    return SampleError(
        f"{download.url}: {outcome}, {download.error}",
        status=outcome.status,
        transient=outcome.is_transient,
        downloads=(download,),
    )
