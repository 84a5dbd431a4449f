"""Sound block by block: decoded within the limits, as integers or at another rate."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from pipelines.errors import SampleError
from pipelines.shards.media import bounds

_BLOCK_VALUES = 1 << 18
FLOATING = ("FLOAT", "DOUBLE")
_OVERSHOOTING = ("VORBIS", "OPUS")  # decoded louder than full scale; as integers they would wrap around
_SIXTEEN_BITS = ("PCM_16", "PCM_U8", "PCM_S8", "ULAW", "ALAW")
_LOUDEST = 10.0
_UNCERTAIN_FRAMES = {"FLAC": 0, "MP3": 4 * 1152}  # by which a whole file may differ from what its header says
UNTOLD_FRAMES = (1 << 63) - 1  # FLAC that was written into a pipe

Values = NDArray[Any]
"""(frames, channels) of int16, int32 or float32."""


class Bytes(io.BytesIO):
    """Stays where it is when libsndfile, led by a broken header, seeks to before the start."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


class Stream(soundfile.SoundFile):  # type: ignore[misc]  # it has no types
    """Reads straight on: its parent seeks after every read, which breaks MP3, and FLAC of a length not told."""

    def seekable(self) -> bool:
        return False


def mixed(file: Stream, rate_hz: int) -> Iterator[Values]:
    """One channel, the mean of all, at another rate, in 16 bits."""
    return (_to_int16(values, scale=32768) for values in _resampled(file, rate_hz))


def _resampled(file: Stream, rate_hz: int) -> Iterator[Values]:
    """As floats: soxr dithers integers, with another seed in every process."""
    monos = (values.mean(axis=1, dtype=np.float32) for values in _decoded(file, "float32"))
    if file.samplerate == rate_hz:
        yield from monos
        return
    resampler = soxr.ResampleStream(file.samplerate, rate_hz, 1, dtype="float32")
    for values in monos:
        yield resampler.resample_chunk(values)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def integers(file: Stream) -> Iterator[Values]:
    """As FLAC holds them: 16 bits for what was 16 bits or less or lossy, else 24 in the upper part of 32."""
    if file.subtype in _OVERSHOOTING:
        return (_to_int16(values) for values in _decoded(file, "float32"))
    if file.subtype in FLOATING:
        return (_to_int24(values) for values in _decoded(file, "float32"))
    return _decoded(file, "int16" if file.subtype in _SIXTEEN_BITS or "MPEG" in file.subtype else "int32")


def _to_int16(values: Values, *, scale: int = 32767) -> Values:
    return np.rint(values * np.float32(scale)).clip(-32768, 32767).astype(np.int16)


def _to_int24(values: Values) -> Values:
    return np.rint(values * np.float32(1 << 23)).clip(-(1 << 23), (1 << 23) - 1).astype(np.int32) << 8


def _decoded(file: Stream, dtype: str) -> Iterator[Values]:
    """Blocks up to the end; SampleError where the clip is too long, holds less than it says, or no numbers."""
    num_frames = 0
    while len(values := file.read(_BLOCK_VALUES // file.channels, dtype=dtype, always_2d=True)):
        num_frames += len(values)
        check_length(num_frames, file)
        if file.subtype in FLOATING:
            _check_numbers(values)
        yield values
    if not num_frames:
        raise SampleError("clip holds no sound")
    missing = abs(file.frames - num_frames)
    if missing > _UNCERTAIN_FRAMES.get(file.format, missing) and file.frames != UNTOLD_FRAMES:
        raise SampleError(f"clip is truncated: {num_frames} of {file.frames} frames decode")


def check_length(num_frames: int, file: Stream) -> None:
    """Refuse more than is taken, told by a header or counted."""
    if num_frames > file.samplerate * bounds.MAX_AUDIO_SECONDS:
        raise SampleError(f"clip at {file.samplerate} Hz is longer than {bounds.MAX_AUDIO_SECONDS} s", status="refused")
    if num_frames * file.channels > bounds.MAX_AUDIO_VALUES:
        raise SampleError(f"clip of more than {bounds.MAX_AUDIO_VALUES} values", status="refused")


def _check_numbers(values: Values) -> None:
    peak = float(np.abs(values).max())
    if not peak <= _LOUDEST:  # also not a number
        raise SampleError(f"clip of floats holds {peak}, where full scale is 1", status="refused")
