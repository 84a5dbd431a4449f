"""A tiny tri-modal corpus in a folder, and the same packed; for every test that needs real files."""

import io
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageDraw

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources.folder import open_folder

# A shell that starts the tests in its background ignores SIGINT for them, and what they start would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)

WORDS = {
    "animals": (("cat", "chat"), ("dog", "chien")),
    "food": (("apple", "pomme"), ("bread", "pain")),
    "vehicles": (("car", "voiture"), ("boat", "bateau")),
}
RATE_HZ = 16_000


def png(seed: int, size: int = 48) -> bytes:
    """A drawing that no other seed has."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        x, y = (int(v) for v in rng.integers(0, size // 2, 2))
        draw.ellipse((x, y, x + size // 3, y + size // 2), fill=tuple(int(v) for v in rng.integers(0, 255, 3)))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def flac(seed: int, seconds: float = 0.5) -> bytes:
    """A tone with noise that no other seed has."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    wave = 0.3 * np.sin(2 * np.pi * (200 + 40 * seed) * t) + 0.01 * rng.standard_normal(len(t))
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, RATE_HZ, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def write_tiny_corpus(root: Path) -> Path:
    """Six things in three top folders, each with one image and a clip in English and one in French: 12 records."""
    seed = 0
    for label, things in WORDS.items():
        folder = root / label
        folder.mkdir(parents=True)
        for english, french in things:
            (folder / f"{english}.png").write_bytes(png(seed))
            (folder / f"{english}.json").write_text(json.dumps({"license": "CC0-1.0", "voice": "tone"}))
            for language, word in (("en", english), ("fr", french)):
                (folder / f"{english}.{language}.txt").write_text(word)
                (folder / f"{english}.{language}.flac").write_bytes(flac(seed))
                seed += 1
    return root


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    """A folder of 12 image + text + audio records: three labels, two languages, two clips of each thing."""
    return write_tiny_corpus(tmp_path / "tiny")


@pytest.fixture
def tiny_snapshot(tiny_corpus: Path, tmp_path: Path) -> tuple[Layout, Snapshot]:
    """`tiny_corpus` packed into shards of five: (layout, snapshot)."""
    layout = Layout(str(tmp_path / "root"))
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    report = pack(source, layout=layout, config=PackingConfig(samples_per_shard=5, num_workers=1))
    return layout, report.snapshot
