"""A URL taken apart, checked and put together again, so that robots.txt is asked about the very bytes that are sent."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

import idna

MAX_CHARACTERS = 8000
_HOST_CHARACTERS = 253
_PORTS = {"http": 80, "https": 443}
_SAFE = "/:@!$&'()*+,;=-._~%?|[]"
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?\.?|\[[0-9a-f:.]+\]")
_PLAIN = re.compile(r"(https?://([a-z0-9]+(?:[.-][a-z0-9]+)*)(?::[89]\d{3}|:[2-5]\d{4})?)/[A-Za-z0-9/_.,~+-]*")
"""What most URLs are; nothing in them needs to be escaped."""
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_OTHER_PROTOCOLS = frozenset(
    {
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103),
        *(104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513),
        *(514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719),
        *(1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679),
        *(6697, 10080),
    }
)
"""Ports that the Fetch standard blocks: http to them is an attack on what listens there."""


class InvalidURL(ValueError):  # noqa: N818 - the name of what is wrong
    """Says what is wrong; never repeats a password."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked for."""

    url: str
    """In ASCII, without fragment and dot segments."""
    host: str
    """Lower case, IDNA; the unit of politeness."""
    origin: str
    """Scheme, host and port: the unit of robots.txt."""

    def join(self, location: str) -> "Target":
        """Where a redirect leads."""
        return parse_url(urljoin(self.url, location.strip()))


def parse_url(url: str) -> Target:
    """`InvalidURL` for everything that is not plain http or https to a host."""
    plain = _PLAIN.fullmatch(url)
    if plain and "/." not in url and len(url) <= MAX_CHARACTERS and len(plain[2]) <= _HOST_CHARACTERS:
        return Target(url, plain[2], plain[1])
    if len(url) > MAX_CHARACTERS:
        raise InvalidURL(f"{len(url)} characters, expected at most {MAX_CHARACTERS}")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise InvalidURL(f"cannot be parsed ({error})") from error
    if parts.scheme not in _PORTS:
        raise InvalidURL(f"scheme {parts.scheme[:20]!r}, expected http or https")
    if "@" in parts.netloc:
        raise InvalidURL("it holds a user name or password, which is not sent to strangers")
    host = _ascii_host(parts.hostname or "", parts.netloc)
    if port in _OTHER_PROTOCOLS:
        raise InvalidURL(f"port {port} belongs to another protocol")
    authority = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    origin = f"{parts.scheme}://{authority}"
    query = f"?{_escaped(parts.query)}" if parts.query else ""
    return Target(f"{origin}{_without_dots(_escaped(parts.path))}{query}", host, origin)


def printable(url: str) -> str:
    """For ledgers and messages: valid UTF-8 of bounded length, without user name and password."""
    text = url.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    text = re.sub(r"(//)[^/?#@]*@", r"\1", text)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:200]}... ({len(text)} characters)"


def _ascii_host(host: str, netloc: str) -> str:
    name = unquote(host)
    if netloc.startswith("["):
        name = f"[{name}]"
    elif not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError as error:
            raise InvalidURL(f"host {name[:80]!r} is no domain name ({error})") from error
    if not _HOST.fullmatch(name):
        raise InvalidURL(f"host {name[:80]!r} is no domain name or address" if name else "it has no host")
    return name.rstrip(".") or name


def _escaped(text: str) -> str:
    """Spaces, controls and everything beyond ASCII as %XX; what is escaped already stays."""
    text = _BAD_ESCAPE.sub("%25", text)
    return quote(text.encode("utf-8", "replace"), safe=_SAFE)


def _without_dots(path: str) -> str:
    """RFC 3986, 5.2.4; also for dots written as %2e, which servers resolve and robots.txt must not miss."""
    kept: list[str] = []
    segments = path.split("/")[1:] or [""]
    for position, segment in enumerate(segments):
        dots = segment.lower().replace("%2e", ".")
        if dots == ".." and kept:
            kept.pop()
        if dots not in (".", ".."):
            kept.append(segment)
        elif position == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)
