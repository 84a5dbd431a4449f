"""Values of image and audio columns: bytes, paths below allowed folders, URLs, objects of a store."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from urllib.parse import urlsplit

from pipelines.errors import SampleError
from pipelines.sources.stems import MAX_FILE_BYTES
from pipelines.storage import filesystem_of, is_local, local_path

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://|:)")
_EXTENSION = re.compile(r"[a-z0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Medium:
    """One value of a media column: its bytes, or where they are."""

    kind: str
    """`image` or `audio`."""
    data: bytes | None = None
    address: str = ""

    @property
    def is_web(self) -> bool:
        return self.data is None and self.address[:8].lower().startswith(("http://", "https://"))

    @property
    def is_remote(self) -> bool:
        """Of a store, so that waiting for it is worth a thread."""
        return self.data is None and not self.is_web and bool(_SCHEME.match(self.address))

    @property
    def extension(self) -> str:
        """What its address ends in, "" where that is no extension."""
        path = urlsplit(self.address).path if self.is_web else self.address
        last = path.rpartition("/")[2].rpartition(".")
        extension = last[2].lower() if last[1] else ""
        return extension if _EXTENSION.fullmatch(extension) else ""


def medium_of(kind: str, value: object, *, is_base64: bool = False) -> Medium | None:
    """None where the row has no such medium; `SampleError` for a value that cannot be one."""
    if value is None or value in ("", b""):
        return None
    if isinstance(value, Mapping):  # as HF datasets writes Image and Audio
        data, path = value.get("bytes"), value.get("path")
        if data is not None and not isinstance(data, bytes):
            raise SampleError(f"{kind}: `bytes` is a {type(data).__name__}, expected bytes.")
        return Medium(kind, data or None, str(path or "")) if data or path else None
    if isinstance(value, bytes):
        return Medium(kind, value)
    if not isinstance(value, str):
        raise SampleError(f"{kind}: a {type(value).__name__}, expected a path, a URL or bytes.")
    if is_base64:
        return Medium(kind, _from_base64(kind, value))
    return Medium(kind, None, value.strip()) if value.strip() else None


def _from_base64(kind: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SampleError(f"{kind}: not base64 ({error}).") from error


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a table's media may lie: relative paths are below the first, other addresses below any of them."""

    allowed: tuple[str, ...]

    def read(self, medium: Medium) -> bytes:
        """`SampleError` where the address leads elsewhere, or nothing can be read there."""
        address = self._join(medium.address)
        return _read_local(self.checked(address), medium.address) if is_local(address) else self._read_remote(address)

    def stat(self, address: str) -> os.stat_result | None:
        """Of a local file as far as it is there; does not look into it."""
        path = self._join(address)
        if not is_local(path):
            return None
        try:
            return os.stat(local_path(path))  # noqa: PTH116 - a path object for each row costs as much as the call
        except (OSError, ValueError):
            return None

    def checked(self, address: str) -> Path:
        """The file itself, all links on the way resolved, below an allowed folder."""
        try:
            path = local_path(address).resolve(strict=True)
        except FileNotFoundError as error:
            raise SampleError(f"{address}: no such file. Mend it, or name its folder in media_folders.") from error
        except (OSError, ValueError, RuntimeError) as error:
            raise SampleError(f"{address!r}: cannot be read ({error}).") from error
        if not any(is_local(folder) and path.is_relative_to(local_path(folder)) for folder in self.allowed):
            raise SampleError(
                f"{address}: leads outside of {' '.join(self.allowed)}. Name its folder in media_folders if it may.",
                status="refused",
            )
        return path

    def _join(self, address: str) -> str:
        if _SCHEME.match(address) or address.startswith("/"):
            return address
        return f"{self.allowed[0].rstrip('/')}/{address}"

    def _read_remote(self, address: str) -> bytes:
        below = any(address.startswith(f"{folder.rstrip('/')}/") for folder in self.allowed)
        if not below or ".." in address.split("/") or "::" in address:
            raise SampleError(
                f"{address}: not below {' '.join(self.allowed)}. Name its folder in media_folders if it may be read.",
                status="refused",
            )
        try:
            filesystem, path = filesystem_of(address)
            return _bounded(filesystem.cat_file(path, end=MAX_FILE_BYTES + 1), address)
        except SampleError:
            raise
        except FileNotFoundError as error:
            raise SampleError(f"{address}: no such object.", status="failed_to_download") from error
        except Exception as error:  # a store's client has its own errors; most of them pass
            raise SampleError(
                f"{address}: {type(error).__name__}: {error}", status="failed_to_download", transient=True
            ) from error


def _read_local(path: Path, address: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not S_ISREG(os.fstat(descriptor).st_mode):
                raise SampleError(f"{address}: no regular file.", status="refused")
            return _bounded(file.read(MAX_FILE_BYTES + 1), address)
    except OSError as error:
        raise SampleError(f"{address}: cannot be read ({error.strerror}).") from error


def _bounded(data: bytes, address: str) -> bytes:
    if len(data) > MAX_FILE_BYTES:
        raise SampleError(f"{address}: larger than {MAX_FILE_BYTES} bytes.", status="refused")
    return data
