"""What became of a bad medium, against what should."""

import re

from pipelines.errors import SampleError
from pipelines.shards.media import MediaProfile, StoredAudio, StoredImage
from tests.media_files import flipped

ORIGINAL, TRAIN = MediaProfile(), MediaProfile(name="train")
KEPT = "kept"
BROKEN = ("failed_to_decode", r"(image|clip) of \d+ bytes does not decode: .{5}")


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def spoilt(data: bytes) -> bytes:
    """One flipped bit, two thirds into it."""
    return flipped(data, len(data) * 2 // 3)


def with_a_hole(data: bytes) -> bytes:
    middle = len(data) * 2 // 3
    return data[:middle] + bytes(40) + data[middle + 40 :]


def judged(store, data: bytes, profile: MediaProfile) -> StoredImage | StoredAudio | SampleError:
    try:
        return store(data, profile=profile)
    except SampleError as error:
        return error


def expect(found: StoredImage | StoredAudio | SampleError, expected) -> None:
    if expected == KEPT:
        assert not isinstance(found, SampleError), found
        return
    status, reason = expected
    assert isinstance(found, SampleError)
    assert found.status == status
    assert re.search(reason, str(found)), found
    assert "\n" not in str(found)
    assert len(str(found)) < 400
