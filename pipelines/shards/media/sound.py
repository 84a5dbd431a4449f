"""Clips as they enter a shard: FLAC."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from pipelines.errors import SampleError
from pipelines.shards.media import bounds
from pipelines.shards.media.containers import check_ogg, check_riff
from pipelines.shards.media.profile import ORIGINAL, MediaProfile, StoredAudio

_BLOCK_VALUES = 1 << 18
_FLOATING = ("FLOAT", "DOUBLE")
_OVERSHOOTING = ("VORBIS", "OPUS")  # decoded louder than full scale; as integers they would wrap around
_SIXTEEN_BITS = ("PCM_16", "PCM_U8", "PCM_S8", "ULAW", "ALAW")
_FLAC_SUBTYPES = {"PCM_S8": "PCM_S8", **dict.fromkeys(("PCM_24", "PCM_32", *_FLOATING), "PCM_24")}
_LOUDEST = 10.0
_UNCERTAIN_FRAMES = {"FLAC": 0, "MP3": 4 * 1152}  # by which a whole file may differ from what its header says
_UNTOLD_FRAMES = (1 << 63) - 1  # FLAC that was written into a pipe

Values = NDArray[Any]
"""(frames, channels) of int16, int32 or float32."""


def store_audio(data: bytes, *, profile: MediaProfile = ORIGINAL) -> StoredAudio:
    """Checked by decoding it whole; SampleError where it does not, or is longer than is taken.

    `original` keeps FLAC as it came and makes FLAC of WAV, OGG, MP3 and AIFF; `train` makes one channel of one rate
    in 16 bits. Decoded block by block: a header that promises more than there is costs no memory.
    """
    if profile.name == "original" and _encoded and _encoded[0].data == data:
        return _encoded[0]
    with bounds.decoding(data, "clip"):
        if data.startswith(b"OggS"):
            check_ogg(data)
        elif data.startswith(b"RIFF"):
            check_riff(data)
        with _Stream(io.BytesIO(data)) as file:
            _check_header(file, is_mixed=profile.name == "train")
            return _mixed(file, profile.audio_rate_hz) if profile.name == "train" else _as_it_came(data, file, profile)


def encode_flac(values: NDArray[np.int16], rate_hz: int) -> bytes:
    """Of a source that makes its own sound; what was encoded last is not decoded again to see whether it decodes."""
    assert values.ndim == 1
    assert len(values)
    buffer = io.BytesIO()
    soundfile.write(buffer, values, rate_hz, format="FLAC")
    data = buffer.getvalue()
    _encoded[:] = [
        StoredAudio(
            data=data, extension="flac", duration_seconds=round(len(values) / rate_hz, 6), sample_rate_hz=rate_hz
        )
    ]
    return data


_encoded: list[StoredAudio] = []
"""The last one, if there is one."""


def to_flac(data: bytes) -> bytes:
    """Any clip as FLAC of the same rate and channels; FLAC comes back unchanged."""
    return store_audio(data).data


class _Stream(soundfile.SoundFile):  # type: ignore[misc]  # it has no types
    """Reads straight on: its parent seeks after every read, which breaks MP3, and FLAC of a length not told."""

    def seekable(self) -> bool:
        return False


def _check_header(file: _Stream, *, is_mixed: bool) -> None:
    most = bounds.MAX_CHANNELS_MIXED if is_mixed else bounds.MAX_CHANNELS_KEPT
    if file.channels > most:
        raise SampleError(f"clip has {file.channels} channels, 1 to {most} are taken", status="refused")
    bounds.check_sample_rate(file.samplerate)


def _as_it_came(data: bytes, file: _Stream, profile: MediaProfile) -> StoredAudio:
    rate, stored = file.samplerate, data
    if file.format != "FLAC":
        buffer = io.BytesIO()
        subtype = _FLAC_SUBTYPES.get(file.subtype, "PCM_16")
        with soundfile.SoundFile(buffer, "w", rate, file.channels, subtype, format="FLAC") as flac:
            num_frames = _write(flac, _integers(file))
        stored = buffer.getvalue()
    elif profile.check == "decode" or file.frames == _UNTOLD_FRAMES:
        num_frames = sum(len(values) for values in _integers(file))
    else:
        num_frames = file.frames
        _check_length(num_frames, file)
    return StoredAudio(data=stored, extension="flac", duration_seconds=round(num_frames / rate, 6), sample_rate_hz=rate)


def _mixed(file: _Stream, rate_hz: int) -> StoredAudio:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate_hz, 1, "PCM_16", format="FLAC") as flac:
        num_frames = _write(flac, (_to_int16(values, scale=32768) for values in _resampled(file, rate_hz)))
    if not num_frames:
        raise SampleError(f"clip is too short: nothing is left of it at {rate_hz} Hz", status="refused")
    return StoredAudio(
        data=buffer.getvalue(),
        extension="flac",
        duration_seconds=round(num_frames / rate_hz, 6),
        sample_rate_hz=rate_hz,
    )


def _write(flac: soundfile.SoundFile, blocks: Iterable[Values]) -> int:
    """The number of frames."""
    num_frames = 0
    for values in blocks:
        flac.write(values)
        num_frames += len(values)
    return num_frames


def _resampled(file: _Stream, rate_hz: int) -> Iterator[Values]:
    """The mean of the channels, at another rate; as floats, for soxr dithers integers with a random seed."""
    monos = (values.mean(axis=1, dtype=np.float32) for values in _decoded(file, "float32"))
    if file.samplerate == rate_hz:
        yield from monos
        return
    resampler = soxr.ResampleStream(file.samplerate, rate_hz, 1, dtype="float32")
    for values in monos:
        yield resampler.resample_chunk(values)
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _integers(file: _Stream) -> Iterator[Values]:
    """As FLAC holds them: 16 bits for what was 16 bits or less or lossy, else 24 in the upper part of 32."""
    if file.subtype in _OVERSHOOTING:
        return (_to_int16(values) for values in _decoded(file, "float32"))
    if file.subtype in _FLOATING:
        return (_to_int24(values) for values in _decoded(file, "float32"))
    return _decoded(file, "int16" if file.subtype in _SIXTEEN_BITS or "MPEG" in file.subtype else "int32")


def _to_int16(values: Values, *, scale: int = 32767) -> Values:
    return np.rint(values * np.float32(scale)).clip(-32768, 32767).astype(np.int16)


def _to_int24(values: Values) -> Values:
    return np.rint(values * np.float32(1 << 23)).clip(-(1 << 23), (1 << 23) - 1).astype(np.int32) << 8


def _decoded(file: _Stream, dtype: str) -> Iterator[Values]:
    """Blocks up to the end; SampleError where the clip is too long, holds less than it says, or no numbers."""
    num_frames = 0
    while len(values := file.read(_BLOCK_VALUES // file.channels, dtype=dtype, always_2d=True)):
        num_frames += len(values)
        _check_length(num_frames, file)
        if file.subtype in _FLOATING:
            _check_numbers(values)
        yield values
    if not num_frames:
        raise SampleError("clip holds no sound")
    missing = abs(file.frames - num_frames)
    if missing > _UNCERTAIN_FRAMES.get(file.format, missing) and file.frames != _UNTOLD_FRAMES:
        raise SampleError(f"clip is truncated: {num_frames} of {file.frames} frames decode")


def _check_length(num_frames: int, file: _Stream) -> None:
    if num_frames > file.samplerate * bounds.MAX_AUDIO_SECONDS:
        raise SampleError(f"clip at {file.samplerate} Hz is longer than {bounds.MAX_AUDIO_SECONDS} s", status="refused")
    if num_frames * file.channels > bounds.MAX_AUDIO_VALUES:
        raise SampleError(f"clip of more than {bounds.MAX_AUDIO_VALUES} values", status="refused")


def _check_numbers(values: Values) -> None:
    peak = float(np.abs(values).max())
    if not peak <= _LOUDEST:  # also not a number
        raise SampleError(f"clip of floats holds {peak}, where full scale is 1", status="refused")
