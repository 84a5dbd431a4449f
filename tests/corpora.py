"""A folder corpus for tests: small, whole and clean; coloured patterns, their names in two languages, their sounds."""

import io
import json
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

COLOURS = {
    "red": "rouge", "green": "vert", "blue": "bleu", "yellow": "jaune", "black": "noir", "pink": "rose",
    "grey": "gris", "orange": "orange", "brown": "brun", "purple": "violet", "cyan": "cyan", "navy": "marine",
}  # fmt: skip
THINGS = {
    "carpet": "tapis", "banner": "bandeau", "quilt": "couette", "mosaic": "mosaique", "window": "vitrail",
    "tile": "carreau", "scarf": "echarpe", "kite": "cerf-volant", "poster": "affiche", "curtain": "rideau",
}  # fmt: skip
RATE_HZ = 16_000
SIDE = 48


def picture(seed: int, colour: str) -> bytes:
    """A coarse pattern that no other seed has, in one colour, as PNG."""
    cells = np.random.default_rng(seed).random((6, 6)) > 0.5
    pattern = Image.fromarray(cells.astype(np.uint8) * 255).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    image = Image.new("RGB", (SIDE, SIDE), "white")
    image.paste(Image.new("RGB", (SIDE, SIDE), colour), mask=pattern)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def sound(thing: int, colour: int, language: int) -> bytes:
    """Two notes, one for the thing and one for the colour, in another octave for another language; as FLAC."""
    t = np.arange(int(RATE_HZ * 0.25)) / RATE_HZ
    notes = ((1 + language) * 220 * 2 ** (thing / 12), (1 + language) * 330 * 2 ** (colour / 12))
    wave = np.concatenate([0.4 * np.sin(2 * np.pi * note * t) for note in notes])
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, RATE_HZ, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def write_patterns(root: Path) -> Path:
    """120 things in ten top folders, each with a picture, and a text and a clip in two languages: 240 records."""
    pairs = product(enumerate(THINGS.items()), enumerate(COLOURS.items()))
    for seed, ((thing, (english, french)), (colour, (name, nom))) in enumerate(pairs):
        folder = root / english
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / f"{name}-{english}"
        stem.with_suffix(".png").write_bytes(picture(seed, name))
        stem.with_suffix(".json").write_text(json.dumps({"license": "CC0-1.0"}))
        for language, (code, caption) in enumerate((("en", f"{name} {english}"), ("fr", f"{french} {nom}"))):
            stem.with_suffix(f".{code}.txt").write_text(caption)
            stem.with_suffix(f".{code}.flac").write_bytes(sound(thing, colour, language))
    return root
