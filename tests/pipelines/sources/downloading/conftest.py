from collections.abc import Iterator

import pytest

from pipelines.sources.downloading import DownloadPolicy
from tests.web import WebServer

LOOPBACK = ("127.0.0.1/32",)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def policy() -> DownloadPolicy:
    """Speaks to 127.0.0.1 and to no other private address; does not wait long."""
    return DownloadPolicy(allowed_networks=LOOPBACK, backoff_seconds=0.01, timeout_seconds=5, stalled_seconds=5)
