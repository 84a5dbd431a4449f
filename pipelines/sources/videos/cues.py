"""Timed text: SubRip (.srt) and WebVTT (.vtt), written and read strictly.

Cues are written in order and never overlap: players show overlapping ones in different ways. What is read may overlap.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pipelines.errors import SampleError

MAX_CUES = 10_000
SUFFIXES = (".srt", ".vtt")
_SRT_TIME = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d),(\d{3})(?: .*)?")
_VTT_TIME = re.compile(
    r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})[ \t]+-->[ \t]+(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:[ \t].*)?"
)
_SRT_TAGS = re.compile(r"</?(?:i|b|u|s|font)(?: [^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
_VTT_TAGS = re.compile(r"<[^<>]*>")
_SRT_OPENING = re.compile(r"<(?=/?(?:i|b|u|s|font)\b)|\{(?=\\)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """A text and when it is shown, in seconds from the start."""

    start_seconds: float
    end_seconds: float
    text: str
    """Plain; lines are parted by newlines."""


def arranged(cues: Iterable[Cue]) -> list[Cue]:
    """In order of their starts, in whole milliseconds, none without text or time; one that reaches into the next ends
    where that begins."""
    said = [replace(cue, text=text) for cue in cues if (text := _lines(cue.text))]
    said.sort(key=lambda cue: (cue.start_seconds, cue.end_seconds))
    ends = [*(cue.start_seconds for cue in said), float("inf")][1:]
    cut = [
        Cue(
            start_seconds=round(max(0.0, cue.start_seconds), 3),
            end_seconds=round(min(cue.end_seconds, end), 3),
            text=cue.text,
        )
        for cue, end in zip(said, ends, strict=False)
    ]
    return [cue for cue in cut if cue.end_seconds > cue.start_seconds]


def to_srt(cues: Sequence[Cue]) -> bytes:
    """UTF-8. The format has no escapes: an arrow or the beginning of a tag in a text is written with another sign."""
    blocks = [
        f"{number}\n{_time(cue.start_seconds, ',')} --> {_time(cue.end_seconds, ',')}\n{_unmarked(_lines(cue.text))}\n"
        for number, cue in enumerate(_checked(cues), start=1)
    ]
    return "\n".join(blocks).encode()


def to_vtt(cues: Sequence[Cue]) -> bytes:
    """UTF-8, with `&`, `<` and `>` escaped."""
    blocks = [
        f"{_time(cue.start_seconds, '.')} --> {_time(cue.end_seconds, '.')}\n{_escaped(cue.text)}\n"
        for cue in _checked(cues)
    ]
    return "\n".join(["WEBVTT\n", *blocks]).encode()


WRITERS: dict[str, Callable[[Sequence[Cue]], bytes]] = {".srt": to_srt, ".vtt": to_vtt}


def parse_cues(data: bytes, *, name: str) -> list[Cue]:
    """Of an .srt or .vtt file by its name, in order of their starts; SampleError names the line that is wrong."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SampleError(f"{name}: not UTF-8 ({error.reason} at byte {error.start}). Convert it.") from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    parse = _vtt_cues if name.lower().endswith(".vtt") else _srt_cues
    cues: list[Cue] = []
    for cue in parse(lines, name):
        if len(cues) == MAX_CUES:
            raise SampleError(f"{name}: more than {MAX_CUES} cues. Cut the video into parts.", status="refused")
        cues.append(cue)
    return sorted(cues, key=lambda cue: (cue.start_seconds, cue.end_seconds))


def _srt_cues(lines: Sequence[str], name: str) -> Iterator[Cue]:
    for first, block in _blocks(lines):
        if not block[0].strip().isdecimal():
            raise SampleError(f"{name}: line {first}: {block[0][:40]!r}, expected the number of a cue. Mend it.")
        match = _SRT_TIME.fullmatch(block[1].strip()) if len(block) > 1 else None
        if match is None:
            raise SampleError(f"{name}: line {first + 1}: expected 00:00:01,000 --> 00:00:02,500. Mend it.")
        text = "\n".join(_SRT_TAGS.sub("", line) for line in block[2:])
        yield _cue(match.groups(), text, f"{name}: line {first + 1}")


def _vtt_cues(lines: Sequence[str], name: str) -> Iterator[Cue]:
    blocks = list(_blocks(lines))
    if not blocks or not re.fullmatch(r"WEBVTT(?:[ \t].*)?", blocks[0][1][0]):
        raise SampleError(f"{name}: line 1: expected WEBVTT. Mend it, or name it .srt if it is SubRip.")
    for first, block in blocks[1:]:
        if block[0].split(" ")[0] in ("NOTE", "STYLE", "REGION") and "-->" not in block[0]:
            continue
        place = 0 if "-->" in block[0] else 1
        match = _VTT_TIME.fullmatch(block[place].strip()) if len(block) > place else None
        if match is None:
            raise SampleError(f"{name}: line {first + place}: expected 00:01.000 --> 00:02.500. Mend it.")
        text = "\n".join(html.unescape(_VTT_TAGS.sub("", line)) for line in block[place + 1 :])
        yield _cue(match.groups(), text, f"{name}: line {first + place}")


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, lines) of what stands between empty lines."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _cue(parts: Sequence[str | None], text: str, where: str) -> Cue:
    hours, minutes, seconds, millis = zip(parts[:4], parts[4:], strict=True)
    start, end = (
        ((int(hours[side] or 0) * 60 + int(minutes[side] or 0)) * 60_000 + int(f"{seconds[side]}{millis[side]}")) / 1000
        for side in (0, 1)
    )
    if end <= start:
        raise SampleError(f"{where}: ends at {end:.3f} s, not after its start at {start:.3f} s. Mend it.")
    return Cue(start_seconds=start, end_seconds=end, text=_lines(text))


def _checked(cues: Sequence[Cue]) -> Sequence[Cue]:
    for before, after in pairwise(cues):
        if after.start_seconds < before.end_seconds:
            raise SampleError(
                f"cue at {after.start_seconds:.3f} s: begins before the one before it ends, at "
                f"{before.end_seconds:.3f} s. Call `arranged` first."
            )
    return cues


def _lines(text: str) -> str:
    """Without empty lines, which would end a cue, and without white space at the ends of lines."""
    folded = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in folded if line)


def _escaped(text: str) -> str:
    return html.escape(_lines(text), quote=False)


def _unmarked(text: str) -> str:
    return _SRT_OPENING.sub(lambda found: "\u2039" if found.group() == "<" else "(", text.replace("-->", "\u2192"))


def _time(seconds: float, mark: str) -> str:
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}{mark}{millis % 1000:03}"
