"""One run at a time on a folder: a lock of the kernel on a disk, a lease with signs of life on an object store."""

import fcntl
import json
import os
import platform
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.errors import StorageError
from pipelines.storage.leases import LEASE_SECONDS, Lease
from pipelines.storage.places import explained, is_local, local_path

_LOCK = ".lock"


class HeldError(StorageError):
    """Another run has the folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Who works on a folder."""

    what: str
    host: str
    process: int
    since: float
    """Unix seconds."""
    token: str
    """Tells two runs of one process apart."""


@contextmanager
def exclusive(uri: str, *, what: str, lease_seconds: float = LEASE_SECONDS) -> Iterator[None]:
    """Hold a folder while the block runs; `StorageError` that names the holder where another run has it.

    On a disk the kernel frees the lock of a run that was killed at once. On an object store it ends `lease_seconds`
    after the last sign of life, and a run that lost its lease (a machine that slept) is told so at the end of the
    block. What is written is atomic and the same for every run, so that the lock saves work and confusion, not bytes.
    """
    holder = Holder(what=what, host=platform.node(), process=os.getpid(), since=time.time(), token=uuid.uuid4().hex)
    with _locked(uri, holder) if is_local(uri) else _leased(uri, holder, lease_seconds):
        yield


@contextmanager
def _locked(uri: str, holder: Holder) -> Iterator[None]:
    path = local_path(uri) / _LOCK
    with explained(uri, "locked"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _claimed(path)
    if descriptor is None:
        raise _held(uri, _read(path))
    try:
        with suppress(OSError):  # a full disk: the lock holds without a name on it
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(asdict(holder)).encode())
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held, so that nobody's lock is removed
        os.close(descriptor)


def _claimed(path: Path) -> int | None:
    """An open descriptor that holds the lock; nothing where another has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass  # the holder left and took the file along, between our two calls
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextmanager
def _leased(uri: str, holder: Holder, seconds: float) -> Iterator[None]:
    lease = Lease(f"{uri}/{_LOCK}", asdict(holder), seconds=seconds)
    with explained(uri, "locked"):
        other = lease.acquire()
    if other is not None:
        raise _held(
            uri, other, advice=f" Where it was killed, its lease ends {seconds:.0f} s after its last sign of life."
        )
    try:
        yield
    finally:
        was_lost = lease.release()
    if was_lost:
        raise StorageError(
            f"{uri}: another run took it over while this one ({holder.what}) gave no sign of life for {seconds:.0f} s. "
            "What was written is whole. Run the same command again when the other has ended."
        )


def _read(path: Path) -> dict[str, object]:
    """Who holds it; nothing known where the file is not written yet."""
    with suppress(OSError, ValueError):
        found: dict[str, object] = json.loads(path.read_bytes())
        return found
    return {}


def _held(uri: str, holder: dict[str, object], advice: str = "") -> HeldError:
    if "since" not in holder:
        return HeldError(f"{uri}: another run works on it. Wait for it to end.{advice}")
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(float(str(holder["since"]))))
    return HeldError(
        f"{uri}: {holder['what']} works on it, process {holder['process']} on {holder['host']}, since {since} UTC. "
        f"Wait for it to end, or end it.{advice}"
    )
