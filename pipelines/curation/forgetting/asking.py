"""What a person asks to forget, checked before anything is written: tombstones as rows of the ledger."""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.errors import PolicyError
from pipelines.shards.tombstones import KINDS, TOMBSTONES
from pipelines.sources.downloading.urls import InvalidURL, parse_url

MAX_DISTANCE = 12
"""Of 64 bits; unrelated pictures differ in 32 +- 4, so that more would take what nobody asked for."""
_HEX = {"uid": 32, "sha256": 64, "phash": 16}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """One thing to forget."""

    kind: str
    """A word of KINDS."""
    value: str
    distance: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.value}" + (f" (distance {self.distance})" if self.distance else "")


def wish(kind: str, value: str, *, distance: int = 0) -> Wish:
    """In one spelling; `PolicyError` that names it where it can mean nothing."""
    value = value.strip()
    if kind not in KINDS:
        raise PolicyError(f"{kind!r}: not a kind of thing to forget. Choose from {', '.join(KINDS)}.")
    if kind == "host":
        return Wish(kind=kind, value=_host(value))
    if not re.fullmatch(f"[0-9a-fA-F]{{{_HEX[kind]}}}", value):
        raise PolicyError(f"{kind} {value!r}: expected {_HEX[kind]} hexadecimal digits. Look at its spelling.")
    if not 0 <= distance <= MAX_DISTANCE:
        raise PolicyError(
            f"distance {distance}: expected 0 to {MAX_DISTANCE} of 64 bits. Unrelated pictures are near 32."
        )
    return Wish(kind=kind, value=value.lower(), distance=distance if kind == "phash" else 0)


def wishes_in(path: Path, *, distance: int = 0) -> list[Wish]:
    """One on each line: `KIND VALUE`, or a uid alone; empty lines and those that begin with # say nothing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"{path}: cannot be read as text ({error}). Name a file with one KIND VALUE a line."
        ) from error
    found = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        kind, value = ("uid", words[0]) if len(words) == 1 else (words[0], " ".join(words[1:]))
        try:
            found.append(wish(kind, value, distance=distance))
        except PolicyError as error:
            raise PolicyError(f"{path}, line {number}: {error}") from error
    return found


def tombstones_of(wishes: Iterable[Wish], *, reason: str, who: str, when: float | None = None) -> pa.Table:
    """Rows for the ledger, each wish once."""
    seen_at = time.time() if when is None else when
    rows = [
        {
            "uid": one.value if one.kind == "uid" else None,
            "kind": one.kind,
            "value": one.value,
            "distance": one.distance,
            "reason": reason,
            "who": who,
            "seen_at": seen_at,
        }
        for one in dict.fromkeys(wishes)
    ]
    return pa.Table.from_pylist(rows, schema=TOMBSTONES)


def refuse_unmatched(wishes: Sequence[Wish], matched: Iterable[int], *, root: str) -> None:
    """`PolicyError` that names those that take no sample; `matched` are positions."""
    there = set(matched)
    missing = [str(one) for position, one in enumerate(wishes) if position not in there]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise PolicyError(
            f"{root}: no sample matches {', '.join(missing[:5])}{more}; nothing was written. Look at the spelling with "
            "find, or write it down for what is packed later with --keep-anyway."
        )


def _host(value: str) -> str:
    """Lower case, IDNA, without a dot at the end."""
    is_literal = re.fullmatch(r"\[[0-9a-fA-F:.]+\]", value)
    if ".." in value or (re.search(r"[/@?#\s:]", value) and not is_literal):
        raise PolicyError(
            f"host {value!r}: not a host. Name it alone, such as example.org; those below it are meant too."
        )
    try:
        return parse_url(f"http://{value}/").host.rstrip(".")
    except InvalidURL as error:
        raise PolicyError(f"host {value!r}: {error}. Name it alone, such as example.org.") from error
