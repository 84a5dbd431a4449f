"""How we behave towards the hosts of others: limits, manners, and which addresses may be spoken to."""

import ipaddress
import re
from dataclasses import dataclass, fields
from pathlib import Path

from pipelines.errors import SourceError
from pipelines.samples import Modality

_TOKEN = re.compile(r"[A-Za-z_-]{2,64}")
_MIB = 1 << 20
MAX_PER_HOST = 256
_MAY_BE_ZERO = frozenset({"max_redirects", "backoff_seconds"})


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadPolicy:
    """The defaults suit strangers' hosts; loosen them for your own."""

    user_agent: str = "trivium/0.1 (builds data sets; obeys robots.txt and X-Robots-Tag)"
    """Sent with every request; holds `agent_token`. Add an address at which an owner of a host finds you."""
    agent_token: str = "trivium"  # noqa: S105 - a name, no secret
    """What robots.txt and X-Robots-Tag call us."""
    respect_robots: bool = True
    respect_opt_out: bool = True
    """Without it an opt-out is still written to the ledger."""
    modality: Modality | None = None
    """Of what is fetched: `noimageai` and `noimageindex` do not bind for audio. Not said: they bind."""

    num_attempts: int = 3
    """Requests for one URL at most, where each failed for a passing reason."""
    backoff_seconds: float = 1.0
    """Before the second attempt, doubled before each further one, give or take a half."""
    max_wait_seconds: float = 60.0
    """The longest Retry-After and Crawl-delay that we wait for; a host that asks for more is left alone."""
    host_wait_seconds: float = 600.0
    """The longest wait for a host that other processes of this machine keep busy."""
    max_redirects: int = 5

    timeout_seconds: float = 20.0
    """Of one attempt with all its redirects; waiting for our own turn does not count."""
    connect_timeout_seconds: float = 10.0
    stalled_seconds: float = 10.0
    """Without a byte."""
    max_bytes: int = 256 * _MIB
    """Of one file, as announced, as received and as decompressed."""
    robots_seconds: float = 24 * 3600.0
    """A robots.txt is asked for again after this long (RFC 9309: at most a day)."""

    per_host: int = 4
    """Requests at one time to one host, by all processes of this machine that share a state folder."""
    in_flight: int = 64
    """Requests at one time in this process."""
    look_ahead: int = 256
    """URLs begun before the results of earlier ones were taken."""
    look_ahead_bytes: int = 128 * _MIB
    """Held for results that were not taken; one file may go beyond it."""

    allow_private: bool = False
    """Whether loopback, private, unique-local and carrier-grade NAT addresses may be connected to."""
    allowed_networks: tuple[str, ...] = ()
    """Networks (`10.1.0.0/16`) that may be connected to whatever they are."""
    ca_file: Path | None = None
    """Certificates to trust in place of the system's."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_number(field.name, getattr(self, field.name))
        if not _TOKEN.fullmatch(self.agent_token):
            _refuse("agent_token", self.agent_token, "2 to 64 of a-z A-Z _ -, as in robots.txt")
        if self.agent_token.lower() not in self.user_agent.lower() or not self.user_agent.isprintable():
            _refuse("user_agent", self.user_agent, f"one printable line that holds the token {self.agent_token!r}")
        if self.per_host > MAX_PER_HOST:
            _refuse("per_host", self.per_host, f"at most {MAX_PER_HOST}")
        for network in self.allowed_networks:
            _check_network(network)
        if self.ca_file is not None and not self.ca_file.is_file():
            _refuse("ca_file", str(self.ca_file), "a file of PEM certificates")


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if name in _MAY_BE_ZERO and value == 0:
        return
    if not 0 < value < float("inf"):
        _refuse(name, value, "a number above 0")


def _check_network(network: str) -> None:
    try:
        ipaddress.ip_network(network)
    except ValueError as error:
        raise SourceError(
            f"download policy, allowed_networks {network!r}: not a network ({error}). Write 10.1.0.0/16 or fd00::/8."
        ) from error


def _refuse(name: str, value: object, expected: str) -> None:
    raise SourceError(f"download policy, {name} {value!r}: expected {expected}. Change it, or leave the default.")
