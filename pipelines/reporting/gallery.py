"""Pictures and players of a few samples as HTML that needs no other file, within a budget of bytes."""

import base64
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from PIL import Image

from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.reading import read_members
from pipelines.signals.decoding import decode_audio, decode_image

Row = Mapping[str, Any]

THUMBNAIL_PIXELS = 112
MAX_CLIP_BYTES = 100_000
BEGINNING_SECONDS = 10
"""Of a larger clip."""
_MIMES = {"flac": "audio/flac", "ogg": "audio/ogg", "mp3": "audio/mpeg", "wav": "audio/wav"}
MAX_MEDIA_BYTES = 2_000_000
"""Of all pictures and clips before base64; the card stays under 3 MB."""


@dataclass(kw_only=True, slots=True)
class Gallery:
    """Spends one budget over all figures it makes."""

    layout: Layout
    left: int
    """Bytes that may still be spent."""

    def figures(self, rows: Iterable[Row]) -> Iterator[str]:
        """One <figure> per row of gallery.sql; captions are text, whatever they hold."""
        for row in rows:
            yield f"<figure>{self._picture(row)}{_words(row)}{self._player(row)}</figure>"

    def _picture(self, row: Row) -> str:
        data = self._member(row, "image")
        if not data:
            return '<div class="none">no picture</div>'
        try:
            small = thumbnail(data)
        except SignalError:
            return '<div class="none">not readable</div>'
        return f'<img alt="" loading="lazy" src="{self._data_uri(small, "image/webp")}">'

    def _player(self, row: Row) -> str:
        """The clip itself where it is small, else its beginning."""
        data = self._member(row, "audio")
        if not data:
            return ""
        mime, note = _MIMES.get(row.get("audio_extension") or "flac", ""), ""
        if len(data) > MAX_CLIP_BYTES or not mime:
            try:
                data, mime, note = beginning(data), "audio/mpeg", f"the first {BEGINNING_SECONDS} seconds"
            except SignalError:
                return '<div class="none">not playable</div>'
        if len(data) > self.left:
            return ""
        label = f"<small>{note}</small>" if note else ""
        return f'<audio controls preload="none" aria-label="clip" src="{self._data_uri(data, mime)}"></audio>{label}'

    def _member(self, row: Row, part: str) -> bytes:
        offset, size = row[f"{part}_offset"], row[f"{part}_size"]
        if offset is None or self.left <= 0:
            return b""
        snapshot = Snapshot(corpus=row["corpus"], snapshot=row["snapshot"])
        (data,) = read_members(self.layout.tar(snapshot, row["shard"]), [(offset, size)])
        return data

    def _data_uri(self, data: bytes, mime: str) -> str:
        self.left -= len(data)
        return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def thumbnail(data: bytes) -> bytes:
    """A small WebP of an encoded picture."""
    image = Image.fromarray(decode_image(data).pixels)
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80)
    return buffer.getvalue()


def beginning(data: bytes) -> bytes:
    """The first seconds of a clip in one channel, as MP3, which every browser plays."""
    import soundfile
    import soxr

    clip = decode_audio(data)
    mono = clip.mono[: BEGINNING_SECONDS * clip.sample_rate_hz]
    buffer = io.BytesIO()
    soundfile.write(buffer, soxr.resample(mono, clip.sample_rate_hz, 16_000), 16_000, format="MP3")
    return buffer.getvalue()


def _words(row: Row) -> str:
    language = escape(row["language"] or "und")
    about = " &middot; ".join(escape(part) for part in (row["language"], row["label"], row["voice"]) if part)
    caption = escape(row["caption"] or "")
    return f'<figcaption><q dir="auto" lang="{language}">{caption}</q><small>{about}</small></figcaption>'
