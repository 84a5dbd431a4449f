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

THUMBNAIL_PIXELS = 160
MAX_CLIP_BYTES = 100_000
BEGINNING_SECONDS = 10
"""Of a larger clip."""
MAX_MEDIA_CHARACTERS = 2_700_000
"""Of all pictures and clips of a page of shards."""
_MAX_ALT = 120
_WORDS = 8 * _MAX_ALT
"""What stands around a picture or a clip takes at most so much."""
_MAX_CAPTION = 1000


@dataclass(kw_only=True, slots=True)
class Gallery:
    """Spends one budget over all figures it makes."""

    layout: Layout
    left: int
    """Characters of the page that pictures and clips may still take."""
    num_left_out: int = 0
    """Pictures and clips that the budget had no room for."""

    def figures(self, rows: Iterable[Row]) -> Iterator[str]:
        """One <figure> per sample; captions are text, whatever they hold. `badge` and `notes` of a row are HTML."""
        for row in rows:
            yield (
                f'<figure class="sample">{self._picture(row)}{row.get("badge", "")}{_words(row)}{self._player(row)}'
                "</figure>"
            )

    def _picture(self, row: Row) -> str:
        if row["image_offset"] is None:
            return '<div class="none">no picture</div>'
        if self.left <= 0:
            return self._left_out("picture")
        try:
            small = thumbnail(self._member(row, "image"))
        except SignalError:
            return '<div class="none">not readable</div>'
        alt = f"picture: {row['caption'][:_MAX_ALT]}" if row["caption"] else "picture without a caption"
        uri = self._data_uri(small, "image/webp")
        return f'<img alt="{escape(alt)}" src="{uri}">' if uri else self._left_out("picture")

    def _player(self, row: Row) -> str:
        """The clip itself where it is small and a browser plays it, else its beginning."""
        if row["audio_offset"] is None:
            return ""
        if self.left <= 0:
            return self._left_out("clip")
        data = self._member(row, "audio")
        mime, note = audio_type(data), ""
        if len(data) > MAX_CLIP_BYTES or not mime:
            try:
                data, mime, note = beginning(data), "audio/mpeg", f"the first {BEGINNING_SECONDS} seconds"
            except SignalError:
                return '<div class="none">not playable</div>'
        uri = self._data_uri(data, mime)
        if not uri:
            return self._left_out("clip")
        label = f"<small>{note}</small>" if note else ""
        name = escape(f"clip: {(row['caption'] or 'no caption')[:_MAX_ALT]}")
        return f'<audio controls preload="none" aria-label="{name}" src="{uri}"></audio>{label}'

    def _member(self, row: Row, part: str) -> bytes:
        snapshot = Snapshot(corpus=row["corpus"], snapshot=row["snapshot"])
        places = [(row[f"{part}_offset"], row[f"{part}_size"])]
        (data,) = read_members(self.layout.tar(snapshot, row["shard"]), places)
        return data

    def _data_uri(self, data: bytes, mime: str) -> str:
        """Empty where it does not fit."""
        uri = f"data:{mime};base64,{base64.b64encode(data).decode()}"
        if len(uri) + _WORDS > self.left:
            return ""
        self.left -= len(uri) + _WORDS
        return uri

    def _left_out(self, what: str) -> str:
        self.num_left_out += 1
        return f'<div class="none">{what} left out: the page is full</div>' if what == "picture" else ""


def thumbnail(data: bytes) -> bytes:
    """A small WebP of an encoded picture."""
    image = Image.fromarray(decode_image(data).pixels)
    image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80)
    return buffer.getvalue()


def audio_type(data: bytes) -> str:
    """The media type that the bytes themselves tell, of those that every browser plays; empty for any other."""
    if data[:4] == b"fLaC":
        return "audio/flac"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    is_frame = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2  # sync, layer III
    return "audio/mpeg" if data[:3] == b"ID3" or is_frame else ""


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
    caption = escape((row["caption"] or "")[:_MAX_CAPTION])
    notes = "".join(f"<small>{note}</small>" for note in (about, *row.get("notes", ())) if note)
    return f'<figcaption><q dir="auto" lang="{language}">{caption}</q>{notes}</figcaption>'
