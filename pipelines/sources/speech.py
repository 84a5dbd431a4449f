"""Synthetic speech: espeak-ng through ctypes, the same samples for the same words whatever was said before.

espeak carries pitch flutter, counts of cycles, gain and noise from one utterance into the next, so that few of its own
voice variants are repeatable. Ours leave all four out and differ in pitch, length of the throat and consonants.
"""

import atexit
import ctypes
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from pipelines.errors import SampleError, SourceError
from pipelines.shards.media import encode_flac

RATE_HZ = 16_000
_SYNCHRONOUS = 2
_UTF8 = 1
_BUFFER_MS = 500
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_PARAMETERS = ((_RATE, 175), (_VOLUME, 60), (_PITCH, 50), (_RANGE, 50))  # louder, and the gain control steps in
_LANGUAGES = {"en": "en-us"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A speaker: pitch from falling to rising in Hz, formants and consonants in percent of espeak's."""

    pitch_hz: tuple[int, int]
    formant: int
    consonants: int

    def definition(self) -> str:
        """The text of an espeak variant file; roughness 8 is beyond its table and means none at all."""
        formants = "".join(f"formant {number} {self.formant} 100 100\n" for number in range(9))
        low, high = self.pitch_hz
        return (
            f"language variant\nflutter 0\nroughness 8\npitch {low} {high}\n"
            f"consonants {self.consonants} {self.consonants}\n{formants}"
        )


VARIANTS = {
    "bass": Variant(pitch_hz=(62, 89), formant=80, consonants=80),
    "baritone": Variant(pitch_hz=(75, 109), formant=97, consonants=100),
    "tenor": Variant(pitch_hz=(82, 118), formant=100, consonants=100),
    "lively": Variant(pitch_hz=(90, 140), formant=104, consonants=110),
    "contralto": Variant(pitch_hz=(110, 160), formant=104, consonants=100),
    "mezzo": Variant(pitch_hz=(140, 200), formant=108, consonants=120),
    "soprano": Variant(pitch_hz=(150, 215), formant=112, consonants=110),
    "child": Variant(pitch_hz=(170, 240), formant=118, consonants=125),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """One synthetic speaker of one language."""

    language: str
    variant: str

    def __str__(self) -> str:
        return f"espeak-ng/{self.language}+{self.variant}"


def voice_of(language: str, choice: int) -> Voice:
    """One of the voices, chosen by a number (a hash, so that it depends on nothing else)."""
    return Voice(language=language, variant=sorted(VARIANTS)[choice % len(VARIANTS)])


def say(text: str, voice: Voice) -> bytes:
    """Mono 16 kHz FLAC of `text`; `SampleError` where the engine has nothing to say."""
    engine = _engine()
    wave = engine.say(text, voice)
    if not wave.any():
        raise SampleError(f"{text!r}: espeak-ng says nothing in {voice}.")
    # Through floats: soxr dithers 16-bit output, with another seed in every process.
    resampled = soxr.resample(wave.astype(np.float32), engine.rate_hz, RATE_HZ)
    return encode_flac(np.rint(resampled).clip(-32768, 32767).astype(np.int16), RATE_HZ)


class _Engine:
    """The library holds one engine per process; so does this."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise SourceError("espeakng-loader is not installed. Run: pip install 'trivium[demo]'.") from error
        self._library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        data = _data_with_variants(Path(espeakng_loader.get_data_path()))
        self.rate_hz: int = self._library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, str(data).encode(), 0)
        if self.rate_hz <= 0:
            raise SourceError(f"espeak-ng did not start with its data in {data}. Reinstall espeakng-loader.")
        self._parts: list[NDArray[np.int16]] = []
        # Kept on self: the library calls it as long as it lives.
        self._callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(
            self._take
        )
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: Voice) -> NDArray[np.int16]:
        self._parts.clear()
        self._reset(voice)
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16)

    def _reset(self, voice: Voice) -> None:
        name = f"{_LANGUAGES.get(voice.language, voice.language)}+{voice.variant}"
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise SampleError(f"{voice}: espeak-ng has no such voice.")
        for parameter, value in _PARAMETERS:
            self._library.espeak_SetParameter(parameter, value, 0)

    def _take(self, wave: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int | None) -> int:
        if wave and count > 0:
            self._parts.append(np.frombuffer(ctypes.string_at(wave, 2 * count), np.int16))
        return 0


@cache
def _engine() -> _Engine:
    return _Engine()


def _data_with_variants(installed: Path) -> Path:
    """espeak's data folder through links, with our variants; temporary, for espeak takes no path over 160 bytes."""
    root = Path(tempfile.mkdtemp(prefix="trivium-espeak-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    (root / "voices" / "!v").mkdir(parents=True)
    for entry in (*installed.iterdir(), *(installed / "voices").iterdir()):
        link = root / entry.relative_to(installed)
        if not link.exists():
            link.symlink_to(entry)
    for name, variant in VARIANTS.items():
        (root / "voices" / "!v" / name).write_text(variant.definition())
    return root
