"""Bombs, each in a process of its own kind: how much memory they take."""

import io
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.media_files import encoded, picture, png, png_chunk

WATCHED = """
import resource, sys
from pathlib import Path
from pipelines.errors import SampleError
from pipelines.shards.media import MediaProfile, store_audio, store_image
profile = MediaProfile(name=sys.argv[1])
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in map(Path, sys.argv[2:]):
    try:
        (store_audio if path.suffix in (".flac", ".wav") else store_image)(path.read_bytes(), profile=profile)
    except SampleError as error:
        print(path.name, error, file=sys.stderr)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) >> 10)
"""


def megabytes(profile: str, *paths: Path) -> int:
    command = [sys.executable, "-c", WATCHED, profile, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in range(256)]
    scan = (progressive := picture("JPEG", size=(64, 64), progressive=True)).rindex(b"\xff\xda")
    media = {
        "rows.png": png_of_rows(100, 100, colours=2, channels=3, rows=700_000),
        "claims.png": png(2**31 - 1, 2**31 - 1, b""),
        "text.png": png(1, 1, bytes(4), extra=png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 28)))),
        "scans.jpg": progressive[:scan] + progressive[scan:-2] * 50_000,
        "frames.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:] * 8),
        "frames.webp": encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:] * 4),
        "long.flac": silent_flac(48_000, seconds=599, channels=2),
        "longer.flac": silent_flac(8_000, seconds=1800, channels=1),
        "claims.wav": silent_wav_that_claims(0x7FFFFFF0),
    }
    for name, data in media.items():
        (folder / name).write_bytes(data)
    return folder


def png_of_rows(width: int, height: int, *, colours: int, channels: int, rows: int) -> bytes:
    packer = zlib.compressobj(1)
    at_once = max(1, (1 << 20) // (1 + width * channels))
    blocks = (bytes((1 + width * channels) * min(at_once, rows - row)) for row in range(0, rows, at_once))
    packed = b"".join(map(packer.compress, blocks)) + packer.flush()
    plain = png(width, height, b"", colours=colours)
    return plain.replace(png_chunk(b"IDAT", zlib.compress(b"")), png_chunk(b"IDAT", packed))


def silent_flac(rate_hz: int, *, seconds: int, channels: int) -> bytes:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate_hz, channels, "PCM_16", format="FLAC") as flac:
        for _ in range(seconds):
            flac.write(np.zeros((rate_hz, channels), np.int16))
    return buffer.getvalue()


def silent_wav_that_claims(num_bytes: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(8000, np.int16), 8000, format="WAV")
    data = buffer.getvalue()
    return data[:40] + num_bytes.to_bytes(4, "little") + data[44:]


@pytest.mark.parametrize("profile", ["original", "train"])
def test_what_expands_or_claims_more_than_it_holds_takes_little_memory(bombs: Path, profile: str):
    assert megabytes(profile, *sorted(bombs.iterdir())) < 64


@pytest.mark.parametrize(("profile", "limit"), [("original", 32), ("train", 600)])
def test_the_largest_png_takes_what_was_said(tmp_path: Path, profile: str, limit: int):
    path = tmp_path / "large.png"
    path.write_bytes(png_of_rows(8000, 8000, colours=6, channels=4, rows=8000))
    assert megabytes(profile, path) < limit


def test_the_largest_jpeg_is_made_small_while_it_is_decoded(tmp_path: Path):
    path = tmp_path / "large.jpg"
    path.write_bytes(encoded(Image.new("RGB", (8000, 8000), "red"), "JPEG"))
    assert megabytes("train", path) < 32
