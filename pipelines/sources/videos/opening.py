"""A video file opened with care: by its own first bytes, no other file or address is opened for it, bounded sizes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import av

from pipelines.errors import SampleError
from pipelines.sources.videos.bounds import MAX_PIXELS, MAX_SECONDS, MAX_STREAMS

_EBML, _FTYP = b"\x1a\x45\xdf\xa3", b"ftyp"
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A container that is read by one caller."""

    container: Any
    picture: Any
    """The video stream."""
    sound: Any
    """The first audio stream, or None."""
    seconds: float
    """How long it says it is."""


@contextmanager
def opened(file: IO[bytes]) -> Iterator[Opened]:
    """Whatever FFmpeg says about the file becomes a SampleError with that as its reason.

    The demuxer is chosen here: FFmpeg's guess may be a playlist, which names other files and addresses.
    """
    try:
        with av.open(
            file, format=_format(file), io_open=_refuse, timeout=_TIMEOUT_SECONDS, metadata_errors="replace"
        ) as container:
            yield _checked(container)
    except av.FFmpegError as error:
        raise SampleError(f"video does not decode: {type(error).__name__}: {error.strerror}") from error
    except (OSError, ValueError, RuntimeError, MemoryError, OverflowError) as error:
        if isinstance(error, SampleError):
            raise
        raise SampleError(f"video does not decode: {type(error).__name__}: {error}") from error


def _format(file: IO[bytes]) -> str:
    head = file.read(16)
    file.seek(0)
    if head[:4] == _EBML:
        return "matroska"
    if head[4:8] == _FTYP:
        return "mp4"
    raise SampleError("video of an unknown format: expected MP4, WebM or Matroska", status="refused")


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> Any:
    raise SampleError(f"video refers to another file: {url[:80]!r}", status="refused")


def _checked(container: Any) -> Opened:
    streams = container.streams
    if len(streams) > MAX_STREAMS:
        raise SampleError(f"video of {len(streams)} streams, at most {MAX_STREAMS} are taken", status="refused")
    pictures = [one for one in streams.video if not int(getattr(one, "disposition", 0)) & _ATTACHED]
    if not pictures:
        raise SampleError("video without a stream of pictures", status="refused")
    picture = pictures[0]
    if picture.codec_context is None:
        raise SampleError("video of an unknown codec", status="refused")
    check_pixels(picture.codec_context.width, picture.codec_context.height)
    seconds = (container.duration or 0) / av.time_base
    if not 0 < seconds <= MAX_SECONDS:
        raise SampleError(f"video of {seconds:.1f} s, more than 0 to {MAX_SECONDS} s are taken", status="refused")
    picture.codec_context.thread_count = 1  # samples are packed side by side, the cores are taken
    picture.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    sound = next((one for one in streams.audio if one.codec_context is not None), None)
    return Opened(container=container, picture=picture, sound=sound, seconds=seconds)


_ATTACHED = 0x400
"""AV_DISPOSITION_ATTACHED_PIC: a cover, not a video."""


def check_pixels(width: int, height: int) -> None:
    """Refuse what is too large, or nothing."""
    if not 0 < width * height <= MAX_PIXELS:
        raise SampleError(f"video of {width}x{height} pixels, 1 to {MAX_PIXELS} are taken", status="refused")
