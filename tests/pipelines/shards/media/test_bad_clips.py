"""Every kind of bad clip that we know of: a sample, or a SampleError whose status and reason say why.

(bytes, what becomes of them, what becomes of them for training where that differs)
"""

import struct

import numpy as np
import pytest

from pipelines.shards.media import MediaProfile, store_audio
from tests.media_files import clip, picture, sound
from tests.pipelines.shards.media.judging import BROKEN, KEPT, ORIGINAL, TRAIN, cut, expect, judged, spoilt


def wav_that_claims(num_bytes: int, *, rate_hz: int = 8000, channels: int = 1, bits: int = 16) -> bytes:
    data = bytearray(clip(frames=400))
    struct.pack_into("<HI", data, 22, channels, rate_hz)
    struct.pack_into("<H", data, 34, bits)
    struct.pack_into("<I", data, 40, num_bytes)
    return bytes(data)


def flac_that_claims(num_frames: int) -> bytes:
    data = bytearray(clip("FLAC", frames=5000))
    data[21] = data[21] & 0xF0 | num_frames >> 32
    struct.pack_into(">I", data, 22, num_frames & 0xFFFFFFFF)
    return bytes(data)


def ogg_without_a_page() -> bytes:
    pages = sound(np.random.default_rng(0).uniform(-0.5, 0.5, 60_000), "OGG").split(b"OggS")[1:]
    assert len(pages) > 5
    return b"".join(b"OggS" + page for page in pages[:3] + pages[4:])


SOUNDS = {
    "zero bytes": (b"", ("failed_to_decode", "zero bytes"), None),
    "no sound": (b"\0" * 100, BROKEN, None),
    "a picture with the name of a clip": (picture("PNG"), BROKEN, None),
    "FLAC and then nothing": (b"fLaC" + b"\xff" * 60, BROKEN, None),
    "OGG and then nothing": (b"OggS" + b"\0" * 60, BROKEN, None),
    "cut FLAC": (cut(clip("FLAC", frames=20_000)), BROKEN, None),
    "cut WAV": (cut(clip(frames=20_000)), BROKEN, None),
    "cut OGG": (cut(clip("OGG", frames=20_000)), BROKEN, None),
    "cut MP3": (cut(clip("MP3", frames=20_000)), ("failed_to_decode", "truncated: [0-9]+ of 20000"), None),
    "FLAC with a flipped bit": (spoilt(clip("FLAC", frames=20_000)), BROKEN, None),
    "OGG with a flipped bit": (spoilt(clip("OGG", frames=20_000)), BROKEN, None),
    "OGG without a page": (
        ogg_without_a_page(),
        BROKEN,
        None,
    ),
    "WAV that claims 2 GB": (wav_that_claims(0x70000000), BROKEN, None),
    "WAV written into a pipe": (wav_that_claims(0xFFFFFFFF), KEPT, None),
    "FLAC that claims 2^36 frames": (flac_that_claims((1 << 36) - 1), ("failed_to_decode", "truncated: 5000 of"), None),
    "FLAC that claims a frame more": (flac_that_claims(5001), ("failed_to_decode", "truncated: 5000 of 5001"), None),
    "FLAC written into a pipe": (flac_that_claims(0), KEPT, None),
    "1 Hz": (clip(rate_hz=1), ("refused", "at 1 Hz, 1000 to 384000"), None),
    "4 GHz": (wav_that_claims(800, rate_hz=4_000_000_000), ("refused", "at 4000000000 Hz, 1000 to 384000"), None),
    "0 Hz": (wav_that_claims(800, rate_hz=0), ("refused", "at 0 Hz"), None),
    "no channel": (wav_that_claims(800, channels=0), BROKEN, None),
    "8 channels": (clip(channels=8), ("refused", "8 channels, 1 to 2"), KEPT),
    "9 channels": (clip(channels=9), ("refused", "9 channels"), ("refused", "1 to 8")),
    "no frame": (clip(frames=0), ("failed_to_decode", "no sound"), None),
    "one frame": (clip(frames=1), KEPT, None),
    "one frame at 48 kHz": (clip(frames=1, rate_hz=48_000), KEPT, ("refused", "too short")),
    "not a number": (sound(np.array([0.1, np.nan]), subtype="FLOAT"), ("refused", "holds nan"), None),
    "infinite": (sound(np.array([0.1, -np.inf]), subtype="DOUBLE"), ("refused", "holds inf"), None),
    "floats as large as integers": (sound(np.array([0.1, 20_000]), subtype="FLOAT"), ("refused", "20000.*scale"), None),
    "longer than ten minutes": (clip("FLAC", frames=601_000, rate_hz=1000), ("refused", "longer than 600 s"), None),
}


@pytest.mark.parametrize("profile", [ORIGINAL, TRAIN], ids=lambda profile: profile.name)
@pytest.mark.parametrize("kind", SOUNDS)
def test_a_bad_clip_is_a_sample_or_has_a_reason(kind: str, profile: MediaProfile):
    data, original, train = SOUNDS[kind]
    found = judged(store_audio, data, profile)
    expect(found, train if train and profile == TRAIN else original)
