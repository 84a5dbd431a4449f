"""Small real videos, written here: pictures that are shown one after the other while clips are heard."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

FRAMES_PER_SECOND = 25
RATE_HZ = 16_000
CODECS = {".mp4": ("libx264", "aac"), ".webm": ("libvpx", "libopus"), ".mkv": ("mpeg4", "flac")}
Scene = tuple[bytes, bytes | None, float]
"""Picture, clip at 16 kHz or silence, seconds that it lasts."""


def write_video(path: Path, scenes: Sequence[Scene], *, side: int = 96, with_sound: bool = True) -> Path:
    """Each picture is shown for its time, its clip is heard from the beginning of that."""
    pictures, wave = _frames(scenes, side), _sound(scenes)
    with av.open(str(path), "w") as container:
        video_codec, audio_codec = CODECS[path.suffix]
        video = container.add_stream(video_codec, rate=FRAMES_PER_SECOND)
        video.width, video.height, video.pix_fmt = side, side, "yuv420p"
        video.bit_rate = 1_000_000
        rate = 48_000 if audio_codec == "libopus" else RATE_HZ
        audio = container.add_stream(audio_codec, rate=rate) if with_sound else None
        if audio is not None:
            audio.layout = "mono"
        resampler = av.AudioResampler(format=audio.format.name, layout="mono", rate=rate) if audio else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            container.mux(video.encode(frame))
            for part in _heard(wave, number, resampler) if audio else ():
                container.mux(audio.encode(part))
        container.mux(video.encode())
        if audio is not None:
            container.mux(audio.encode())
    return path


def _frames(scenes: Sequence[Scene], side: int) -> list[np.ndarray]:
    frames = []
    for data, _, seconds in scenes:
        picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((side, side)))
        frames += [picture] * round(seconds * FRAMES_PER_SECOND)
    return frames


def _sound(scenes: Sequence[Scene]) -> np.ndarray:
    parts = []
    for _, clip, seconds in scenes:
        part = np.zeros(round(seconds * RATE_HZ), dtype=np.int16)
        if clip is not None:
            heard, rate = soundfile.read(io.BytesIO(clip), dtype="int16")
            assert rate == RATE_HZ
            part[: len(heard)] = heard[: len(part)]
        parts.append(part)
    return np.concatenate(parts)


def _heard(wave: np.ndarray, number: int, resampler: av.AudioResampler) -> list[av.AudioFrame]:
    step = RATE_HZ // FRAMES_PER_SECOND
    part = np.ascontiguousarray(wave[None, number * step : (number + 1) * step])
    if not part.shape[1]:
        return []
    frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, number * step, Fraction(1, RATE_HZ)
    return resampler.resample(frame)
