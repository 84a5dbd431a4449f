"""Where a URI is, and what to tell where it cannot be reached."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from pipelines.errors import StorageError

_ANOTHER = "or name another root."
_KEYS = "Look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (or AWS_PROFILE) and at what the bucket allows them,"
_ENDPOINT = "Look at AWS_ENDPOINT_URL, AWS_REGION and the network,"
_LOCAL_ADVICE = {
    errno.ENOSPC: "Free space on that disk,",
    errno.EDQUOT: "Free space: the quota is used up,",
    errno.EFBIG: "Files of that size are not allowed here: raise the limit (ulimit -f), write smaller shards,",
    errno.EROFS: "The disk is mounted read-only: mount it for writing,",
    errno.EACCES: "Give this user permission for it,",
    errno.EPERM: "Give this user permission for it,",
}
_REMOTE_ADVICE = {
    errno.ENOENT: "Make the bucket first if it is not there,",
    errno.EACCES: _KEYS,
    errno.EPERM: _KEYS,
    errno.ENOSPC: "Free space on the disk of temporary files, or set TMPDIR to another,",
}


def is_local(uri: str) -> bool:
    """Whether a URI is a path on this machine."""
    return "://" not in uri or uri.startswith("file://")


def local_path(uri: str) -> Path:
    """The path behind a local URI."""
    return Path(uri.removeprefix("file://"))


def filesystem_of(uri: str) -> tuple[Any, str]:
    """(fsspec filesystem, path in it); listings are never taken from memory: other processes write there too."""
    filesystem, path = fsspec.url_to_fs(uri, use_listings_cache=False)
    return filesystem, path


@contextmanager
def explained(uri: str, action: str) -> Iterator[None]:
    """Turn what the disk or the store says into a `StorageError` that names the URI and what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{uri}: cannot be {action} ({_reason(uri, error)}). {_advice(uri, error)}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"botocore", "aiobotocore", "aiohttp"}:
            raise
        advice = _KEYS if "redential" in type(error).__name__ else _ENDPOINT
        raise StorageError(f"{uri}: cannot be {action} ({error}). {advice} {_ANOTHER}") from error


def is_missing(error: StorageError) -> bool:
    """Whether the file is not there, as against a disk or a store that does not answer."""
    return isinstance(error.__cause__, FileNotFoundError)


def _reason(uri: str, error: OSError) -> str:
    """With the file, where that is another than the one asked for."""
    if isinstance(error, FileNotFoundError) and not error.filename and "bucket" not in str(error).partition(" ")[2]:
        return "there is no such file"
    reason = " ".join(str(error.strerror or error or type(error).__name__).split())
    return reason if not error.filename or str(error.filename) in uri else f"{reason}: {error.filename}"


def _advice(uri: str, error: OSError) -> str:
    number = error.errno or {FileNotFoundError: errno.ENOENT, PermissionError: errno.EACCES}.get(type(error), 0)
    if is_local(uri):
        return f"{_LOCAL_ADVICE.get(number, 'Look at the disk,')} {_ANOTHER}"
    return f"{_REMOTE_ADVICE.get(number, _ENDPOINT)} {_ANOTHER}"
