"""Where the parts of a sample are in its tar: what a reference carries from the listing to the reading."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipelines.samples import Reference
from pipelines.sources.stems import MAX_FILE_BYTES

PROBLEM = "!"
"""In place of a medium: the next value says what is wrong."""


@dataclass(frozen=True, slots=True)
class Part:
    """One member of a sample."""

    extension: str
    offset: int
    size: int


def parts_of(reference: Reference) -> list[Part]:
    """None where the sample has a problem."""
    _, medium, *rest = reference.locator
    if medium == PROBLEM:
        return []
    triples = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    return [Part(str(extension), int(offset), int(size)) for extension, offset, size in triples]


def ranges_of(
    references: Iterable[Reference], pending: "deque[tuple[Reference, list[Part]]]"
) -> Iterator[tuple[int, int]]:
    """Of the parts that are not too large to be read; notes in `pending` whose they are."""
    for reference in references:
        parts = [part for part in parts_of(reference) if part.size <= MAX_FILE_BYTES]
        pending.append((reference, parts))
        yield from ((part.offset, part.size) for part in parts)
