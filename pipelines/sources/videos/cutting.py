"""A stretch of a video: one frame as JPEG, and its sound as FLAC."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import SampleError
from pipelines.shards.media import encode_flac
from pipelines.sources.videos.bounds import (
    FRAME_SIDE_PIXELS,
    MAX_FRAMES_DECODED,
    MAX_PACKETS,
    MAX_SEGMENT_SECONDS,
)
from pipelines.sources.videos.opening import Opened, check_pixels, opened

_QUALITY = 92
_MAX_RATE_HZ = 48_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """What is kept of a stretch."""

    image: bytes
    """JPEG."""
    frame_seconds: float
    """When the frame is shown."""
    audio: bytes | None
    """FLAC, mono; None where there is no sound in it."""


def length_of(file: IO[bytes]) -> float:
    """Seconds, as the header says; SampleError where it cannot be read."""
    with opened(file) as video:
        return video.seconds


def cut(file: IO[bytes], *, start_seconds: float, end_seconds: float) -> Segment:
    """The frame in the middle of a stretch, and the sound of it all."""
    if end_seconds - start_seconds > MAX_SEGMENT_SECONDS:
        raise SampleError(
            f"stretch of {end_seconds - start_seconds:.1f} s, at most {MAX_SEGMENT_SECONDS:.0f} s are taken. "
            "Divide its cue.",
            status="refused",
        )
    middle = (start_seconds + end_seconds) / 2
    with opened(file) as video:
        ((seconds, image),) = frames_at(video, [middle])
    file.seek(0)
    with opened(file) as video:
        sound = sound_between(video, start_seconds, end_seconds)
    audio = encode_flac(*sound) if sound is not None else None
    return Segment(image=_jpeg(image), frame_seconds=round(seconds, 3), audio=audio)


def frames_at(video: Opened, wanted: list[float]) -> Iterator[tuple[float, Image.Image]]:
    """(when it is shown, the frame that is shown then) for each of the times, which rise; small enough to keep."""
    for seconds in wanted:
        video.container.seek(round(seconds * av.time_base), backward=True)
        shown: Any = None
        for number, frame in enumerate(_decoded(video.container, video.picture)):
            if number == MAX_FRAMES_DECODED:
                raise SampleError(f"video with over {MAX_FRAMES_DECODED} frames between keyframes", status="refused")
            check_pixels(frame.width, frame.height)
            if shown is not None and (frame.time or 0.0) > seconds:
                break
            shown = frame
        if shown is None:
            raise SampleError(f"video without a frame at {seconds:.3f} s")
        yield float(shown.time or 0.0), _picture(shown)


def sound_between(video: Opened, start_seconds: float, end_seconds: float) -> tuple[NDArray[np.int16], int] | None:
    """int16 mono and its rate; None without a sound there. Where the track pauses there is silence."""
    if video.sound is None:
        return None
    rate = min(int(video.sound.codec_context.sample_rate or 0), _MAX_RATE_HZ)
    if rate < 1000:
        raise SampleError(f"video with sound at {rate} Hz, 1000 Hz or more are taken", status="refused")
    wave = np.zeros(round((end_seconds - start_seconds) * rate), dtype=np.int16)
    is_there = False
    video.container.seek(round(max(0.0, start_seconds - 0.5) * av.time_base), backward=True)
    for first, samples in _samples(video, rate, end_seconds):
        place = first - round(start_seconds * rate)
        part = samples[max(0, -place) : max(0, len(wave) - place)]
        if len(part):
            wave[max(0, place) : max(0, place) + len(part)] = part
            is_there = True
    return (wave, rate) if is_there else None


def _samples(video: Opened, rate: int, end_seconds: float) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """(place of the first one from the start of the video, int16) until that time."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
    expected: int | None = None
    for frame in _decoded(video.container, video.sound):
        if (frame.time or 0.0) >= end_seconds:
            return
        begins = round((frame.time or 0.0) * rate)
        for part in resampler.resample(frame):
            samples = part.to_ndarray()[0]
            # Times of frames are rounded by the container: what follows on is not moved by a sample or two.
            place = expected if expected is not None and abs(begins - expected) < rate // 20 else begins
            expected = place + len(samples)
            yield place, samples


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Frames of one stream; a packet that does not decode fails the segment."""
    for number, packet in enumerate(container.demux(stream)):
        if number == MAX_PACKETS:
            raise SampleError(f"video of over {MAX_PACKETS} packets where one segment is looked for", status="refused")
        yield from packet.decode()


def _picture(frame: Any) -> Image.Image:
    """RGB, upright, its longer side at most `FRAME_SIDE_PIXELS`."""
    scale = min(1.0, FRAME_SIDE_PIXELS / max(frame.width, frame.height))
    size = {"width": max(1, round(frame.width * scale)), "height": max(1, round(frame.height * scale))}
    image: Image.Image = frame.reformat(**size, format="rgb24").to_image()
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
