"""Whether a file is whole by its own account: PNG chunks, WebP and WAV sizes, Ogg pages.

Cheaper than decoders and stricter: they skip what does not fit, and nobody hears of it. What is broken is a ValueError.
"""

import struct
import zlib
from collections.abc import Iterator

from pipelines.errors import SampleError
from pipelines.shards.media.bounds import check_sample_rate

_PNG_START = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_INFLATED_BYTES = 1 << 20  # at a time
_UNSAID = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # sizes written by who could not go back to the header
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def check_png(data: bytes, *, inflate: bool) -> None:
    """Every chunk by its CRC, up to the end mark; with `inflate` all pixel rows as well, in a megabyte of memory."""
    header, rows, inflater = b"", None, zlib.decompressobj()
    for kind, chunk in _png_chunks(data):
        if kind == b"IHDR":
            header = bytes(chunk)
        elif kind == b"IDAT" and inflate:
            rows = rows or _Rows(header)
            _inflate(inflater, chunk, rows)
    if rows is not None and not rows.complete:
        raise ValueError("PNG without all of its pixel rows")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    view, position, kind = memoryview(data), len(_PNG_START), b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise ValueError("PNG cut short, it has no end mark")
        size, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + size
        if end + 4 > len(data) or zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            what = "cut short in" if end + 4 > len(data) else "with a wrong CRC of"
            raise ValueError(f"PNG {what} chunk {kind!r} at byte {position}")
        yield kind, view[position + 8 : end]
        position = end + 4


def _inflate(inflater: "zlib._Decompress", chunk: bytes | memoryview, rows: "_Rows") -> None:
    while chunk:
        rows.take(inflater.decompress(chunk, _INFLATED_BYTES))
        chunk = inflater.unconsumed_tail


class _Rows:
    """Counts the inflated rows of a PNG and looks at the filter byte in front of each."""

    def __init__(self, header: bytes) -> None:
        width, height, depth, colours, _, _, interlace = struct.unpack(">IIBBBBB", header)
        bits = depth * _CHANNELS[colours]
        passes = _PASSES if interlace else ((0, 0, 1, 1),)
        sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
        self._parts = [(rows, 1 + -(-columns * bits // 8)) for columns, rows in sizes if rows > 0 and columns > 0]
        self._part, self._seen = 0, 0

    @property
    def complete(self) -> bool:
        return self._part == len(self._parts)

    def take(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            if self.complete:
                raise SampleError("PNG expands to more than the pixels that its header names", status="refused")
            rows, stride = self._parts[self._part]
            taken = data[position : position + rows * stride - self._seen]
            if max(taken[-self._seen % stride :: stride], default=0) > 4:
                raise ValueError("PNG with a row of an unknown filter")
            position += len(taken)
            self._seen += len(taken)
            if self._seen == rows * stride:
                self._part, self._seen = self._part + 1, 0


def check_riff(data: bytes) -> None:
    """A WAV or WebP whose chunks are all there; sizes that were never filled in are let pass."""
    position = 12
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        if kind == b"fmt " and len(data) >= position + 16:  # libsndfile holds rates in 31 bits, and its reason is none
            check_sample_rate(struct.unpack_from("<I", data, position + 12)[0])
        is_cut = position + 8 + size > len(data) and size not in _UNSAID
        if is_cut and (kind == b"data" or data[8:12] == b"WEBP"):
            there = len(data) - position - 8
            raise ValueError(f"truncated, {there} of {size} bytes of {kind!r} are there")
        position += 8 + size + size % 2


def check_ogg(data: bytes) -> None:
    """Every page by its CRC and number, up to the one marked as last; a decoder would leave a gap in silence."""
    position, following, last = 0, dict[int, int](), False
    while position < len(data):
        if data[position : position + 4] != b"OggS" or len(data) < position + 27:
            raise ValueError(f"no Ogg page at byte {position}")
        flags, serial, number, crc, segments = struct.unpack_from("<5xB8xIIIB", data, position)
        end = position + 27 + segments + sum(data[position + 27 : position + 27 + segments])
        if end > len(data):
            raise ValueError(f"truncated, Ogg page {number} ends at byte {end}")
        page = data[position : position + 22] + bytes(4) + data[position + 26 : end]
        if _ogg_crc(page) != crc or following.get(serial, number) != number:
            raise ValueError(f"Ogg page {number} is broken or out of order")
        following[serial] = number + 1
        position, last = end, bool(flags & 4)
    if not last:
        raise ValueError("truncated, the last Ogg page is not marked as last")


def _ogg_crc(page: bytes) -> int:
    """CRC-32 with the bits the other way round than zlib's, from 0 and without the final inversion."""
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
