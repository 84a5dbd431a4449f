"""Files of a user's folder as they are opened: regular ones, of a bounded size, never through a link."""

import os
from pathlib import Path
from stat import S_ISREG
from typing import IO

from pipelines.errors import SampleError
from pipelines.sources.listing import printable


def bytes_of(folder: Path, name: str, limit: int) -> bytes:
    """Of a regular file in this folder."""
    try:
        with opened(folder, name, limit=limit) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SampleError(f"{printable(name)}: cannot be read ({error.strerror}).") from error
    if len(data) > limit:  # it has grown
        raise SampleError(f"{printable(name)}: larger than {limit} bytes.", status="refused")
    return data


def opened(folder: Path, name: str, *, limit: int) -> IO[bytes]:
    """A regular file in this folder; a link that came later is not followed."""
    if "/" in name:
        raise SampleError(f"{printable(name)}: leads outside of its folder.", status="refused")
    try:
        file = os.fdopen(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise SampleError(f"{printable(name)}: cannot be read ({error.strerror}).") from error
    status = os.fstat(file.fileno())
    if not S_ISREG(status.st_mode) or status.st_size > limit:
        file.close()
        wrong = f"larger than {limit} bytes" if S_ISREG(status.st_mode) else "is no file any more"
        raise SampleError(f"{printable(name)}: {wrong}.", status="refused")
    return file
