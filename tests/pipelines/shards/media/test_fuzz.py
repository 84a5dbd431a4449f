"""Whatever the bytes: a stored medium or a SampleError, in memory that was said."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.errors import SampleError
from pipelines.shards.media import MediaProfile, StoredAudio, StoredImage, store_audio, store_image
from tests.media_files import clip, encoded, picture

STATUSES = ("failed_to_decode", "refused")
PROFILES = st.sampled_from([MediaProfile(), MediaProfile(name="train"), MediaProfile(check="header")])
STARTS = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 ", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
SOUND_STARTS = (
    b"",
    b"fLaC",
    b"OggS",
    b"RIFF\x24\0\0\0WAVEfmt ",
    b"ID3",
    b"\xff\xfb",
    b"FORM\0\0\0\0AIFF",
    b"caff",
    b".snd",
)
IMAGES = [
    picture("JPEG", size=(40, 30)),
    picture("JPEG", "CMYK"),
    picture("JPEG", size=(300, 300), progressive=True),
    picture("PNG", "RGBA"),
    picture("PNG", "P"),
    picture("PNG", "I;16"),
    picture("WEBP"),
    encoded(Image.new("RGBA", (9, 9)), "WEBP", save_all=True, append_images=[Image.new("RGBA", (9, 9), "red")]),
    picture("GIF", "P"),
    picture("BMP"),
    picture("TIFF"),
    picture("TIFF", compression="tiff_lzw"),
    picture("TIFF", compression="jpeg"),
]
CLIPS = [
    clip(),
    clip(subtype="FLOAT"),
    clip(subtype="PCM_24", channels=2),
    clip(subtype="MS_ADPCM"),
    clip("FLAC", frames=5000),
    clip("OGG", "VORBIS"),
    clip("OGG", "OPUS"),
    clip("MP3", frames=5000),
    clip("AIFF"),
    clip("CAF"),
]
EDITS = st.lists(
    st.tuples(st.integers(0, 1 << 14), st.sampled_from(["flip", "set", "cut", "drop", "repeat"]), st.integers(0, 255)),
    min_size=1,
    max_size=12,
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def edited(data: bytes, edits: list[tuple[int, str, int]]) -> bytes:
    for place, kind, value in edits:
        at = place % (len(data) + 1)
        replacement = {
            "flip": bytes(byte ^ (1 << value % 8) for byte in data[at : at + 1]) + data[at + 1 :],
            "set": bytes([value]) * 4 + data[at + 4 :],
            "cut": data[at : at + 64],
            "drop": data[at + value :],
            "repeat": data[max(0, at - value) : at] + data[at:],
        }
        data = data[:at] + replacement[kind]
    return data


def judge(store: Callable[..., object], data: bytes, profile: MediaProfile) -> None:
    try:
        found = store(data, profile=profile)
    except SampleError as error:
        found = error
    assert isinstance(found, StoredImage | StoredAudio) or (found.status in STATUSES and str(found))


@QUICK
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=400), profile=PROFILES)
def test_random_bytes_are_no_crash_as_an_image(start: bytes, rest: bytes, profile: MediaProfile):
    judge(store_image, start + rest, profile)


@QUICK
@given(start=st.sampled_from(SOUND_STARTS), rest=st.binary(max_size=400), profile=PROFILES)
def test_random_bytes_are_no_crash_as_a_clip(start: bytes, rest: bytes, profile: MediaProfile):
    judge(store_audio, start + rest, profile)


@QUICK
@given(data=st.sampled_from(IMAGES), edits=EDITS, profile=PROFILES)
def test_images_with_random_damage_are_no_crash(data: bytes, edits, profile: MediaProfile):
    judge(store_image, edited(data, edits), profile)


@QUICK
@given(data=st.sampled_from(CLIPS), edits=EDITS, profile=PROFILES)
def test_clips_with_random_damage_are_no_crash(data: bytes, edits, profile: MediaProfile):
    judge(store_audio, edited(data, edits), profile)
