"""Clips as they enter a shard: FLAC."""

import io
from collections.abc import Iterable

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipelines.errors import SampleError
from pipelines.shards.media import bounds
from pipelines.shards.media.blocks import (
    FLOATING,
    UNTOLD_FRAMES,
    Bytes,
    Stream,
    Values,
    check_length,
    integers,
    mixed,
)
from pipelines.shards.media.containers import check_ogg, check_riff
from pipelines.shards.media.profile import ORIGINAL, MediaProfile, StoredAudio

_FLAC_SUBTYPES = {"PCM_S8": "PCM_S8", **dict.fromkeys(("PCM_24", "PCM_32", *FLOATING), "PCM_24")}


def store_audio(data: bytes, *, profile: MediaProfile = ORIGINAL) -> StoredAudio:
    """Checked by decoding it whole; SampleError where it does not, or is longer than is taken.

    `original` keeps FLAC as it came and makes FLAC of WAV, OGG, MP3 and AIFF; `train` makes one channel of one rate
    in 16 bits, and keeps FLAC that is that already. Decoded block by block: a header that promises more than there is
    costs no memory.
    """
    for made in _encoded:
        if made.data == data and profile.name == "original":
            return made
    with bounds.decoding(data, "clip"):
        if data.startswith(b"OggS"):
            check_ogg(data)
        elif data.startswith(b"RIFF"):
            check_riff(data)
        with Stream(Bytes(data)) as file:
            _check_header(file, is_mixed=profile.name == "train")
            if profile.name == "original" or _is_wanted(file, profile.audio_rate_hz):
                return _as_it_came(data, file, profile)
            return _mixed(file, profile.audio_rate_hz)


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


def _check_header(file: Stream, *, is_mixed: bool) -> None:
    most = bounds.MAX_CHANNELS_MIXED if is_mixed else bounds.MAX_CHANNELS_KEPT
    if file.channels > most:
        raise SampleError(f"clip has {file.channels} channels, 1 to {most} are taken", status="refused")
    bounds.check_sample_rate(file.samplerate)


def _is_wanted(file: Stream, rate_hz: int) -> bool:
    return (file.format, file.subtype, file.channels, file.samplerate) == ("FLAC", "PCM_16", 1, rate_hz)


def _as_it_came(data: bytes, file: Stream, profile: MediaProfile) -> StoredAudio:
    rate, stored = file.samplerate, data
    if file.format != "FLAC":
        buffer = io.BytesIO()
        subtype = _FLAC_SUBTYPES.get(file.subtype, "PCM_16")
        with soundfile.SoundFile(buffer, "w", rate, file.channels, subtype, format="FLAC") as flac:
            num_frames = _write(flac, integers(file))
        stored = buffer.getvalue()
    elif profile.check == "decode" or file.frames == UNTOLD_FRAMES:
        num_frames = sum(len(values) for values in integers(file))
    else:
        num_frames = file.frames
        check_length(num_frames, file)
    return StoredAudio(data=stored, extension="flac", duration_seconds=round(num_frames / rate, 6), sample_rate_hz=rate)


def _mixed(file: Stream, rate_hz: int) -> StoredAudio:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate_hz, 1, "PCM_16", format="FLAC") as flac:
        num_frames = _write(flac, mixed(file, rate_hz))
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
