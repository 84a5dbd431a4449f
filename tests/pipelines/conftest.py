"""An object store for tests: a bucket of its own on a server that all of them share."""

from collections.abc import Iterator
from itertools import count

import pytest
import s3fs

from tests.object_store import KEYS, serving_s3

_NUMBERS = count()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 endpoint on loopback."""
    with serving_s3() as address:
        yield address


@pytest.fixture
def s3_root(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """`s3://BUCKET/root` of an empty bucket; the environment says where and with which keys, as a user's would."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3_server}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"bucket{next(_NUMBERS)}"
    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}/root"
