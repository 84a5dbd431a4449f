"""A libcurl handle as we want it: two protocols, no proxies, no cookies, no passwords, no redirects of its own."""

import ssl

import certifi
import pycurl

from pipelines.sources.downloading.outcomes import Outcome
from pipelines.sources.downloading.policy import DownloadPolicy

_IDLE_SECONDS = 15
"""A connection without a request is not used again after this long."""
_TLS = frozenset(
    {
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_SSL_ISSUER_ERROR,
    }
)
_WEIRD_ANSWER, _TOO_LARGE_HEADERS = 8, 100  # CURLE_WEIRD_SERVER_REPLY, CURLE_TOO_LARGE: pycurl does not name them
_BAD_ANSWER = frozenset(
    {pycurl.E_BAD_CONTENT_ENCODING, pycurl.E_UNSUPPORTED_PROTOCOL, _WEIRD_ANSWER, _TOO_LARGE_HEADERS}
)


def make_handle(policy: DownloadPolicy) -> pycurl.Curl:
    """Everything that no request changes."""
    curl = pycurl.Curl()
    options = {
        pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
        pycurl.FOLLOWLOCATION: 0,
        pycurl.PROXY: "",  # also none that the environment names
        pycurl.NOPROXY: "*",
        pycurl.NETRC: pycurl.NETRC_IGNORED,
        pycurl.NOSIGNAL: 1,
        pycurl.PATH_AS_IS: 1,  # robots.txt was asked about this very path
        pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_2TLS,
        pycurl.PIPEWAIT: 1,  # rather a further stream on an HTTP/2 connection than a further connection
        pycurl.USERAGENT: policy.user_agent,
        pycurl.ACCEPT_ENCODING: "",  # decode whatever comes; the header asks for none, media are packed already
        pycurl.CONNECTTIMEOUT_MS: int(policy.connect_timeout_seconds * 1000),
        pycurl.LOW_SPEED_LIMIT: 1,
        pycurl.LOW_SPEED_TIME: max(1, round(policy.stalled_seconds)),
        pycurl.MAXAGE_CONN: _IDLE_SECONDS,
        **_trusted(policy),
    }
    for option, value in options.items():
        curl.setopt(option, value)
    return curl


def _trusted(policy: DownloadPolicy) -> dict[int, str]:
    """The wheel's libcurl knows no certificates of the system: those that Python's ssl would use, else certifi's."""
    if policy.ca_file is not None:
        return {pycurl.CAINFO: str(policy.ca_file)}
    found = ssl.get_default_verify_paths()
    if found.cafile:
        return {pycurl.CAINFO: found.cafile}
    return {pycurl.CAINFO: certifi.where()}


def outcome_of_error(curl: pycurl.Curl, code: int) -> Outcome:
    """What libcurl's error means for the URL."""
    if code == pycurl.E_COULDNT_RESOLVE_HOST:
        return Outcome.UNRESOLVED
    if code == pycurl.E_OPERATION_TIMEDOUT:
        return Outcome.TIMEOUT
    if code == pycurl.E_URL_MALFORMAT:
        return Outcome.INVALID_URL
    if code in _BAD_ANSWER:
        return Outcome.HTTP_ERROR
    was_reset = code == pycurl.E_SSL_CONNECT_ERROR and curl.getinfo(pycurl.OS_ERRNO)
    return Outcome.TLS if code in _TLS and not was_reset else Outcome.CONNECTION
