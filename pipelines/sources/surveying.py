"""What a listing holds, counted while it streams by: a billion references need no more memory than a thousand."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from pipelines.samples import Reference

MAX_COUNTED = 1 << 17
"""Distinct groups that are counted exactly; beyond, the estimate is off by 0.3 % (one standard deviation)."""
_NUM_FIRST = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a source lists."""

    num_records: int
    num_groups: int
    """Different things shown or said."""
    groups_are_exact: bool
    num_bytes: int
    """Of the media whose size the listing knows."""
    num_sized: int
    """Records whose size it knows."""
    digest: str
    """Of rows, names, groups and versions: equal listings have equal ones."""
    first: tuple[Reference, ...]


class DistinctCount:
    """How many different words came by: exact up to a limit, then from how dense the smallest hashes lie.

    The k-minimum-values estimate of Bar-Yossef and others (2002), with an error of 1/sqrt(k).
    """

    def __init__(self, max_counted: int = MAX_COUNTED) -> None:
        self._max_counted = max_counted
        self._hashes: set[int] = set()
        self._below = 1 << 64

    def add(self, word: str) -> None:
        digest = hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        if number < self._below:
            self._hashes.add(number)
            if len(self._hashes) > 2 * self._max_counted:
                self._keep_smallest()

    @property
    def is_exact(self) -> bool:
        return self._below == 1 << 64 and len(self._hashes) <= self._max_counted

    @property
    def number(self) -> int:
        if self.is_exact:
            return len(self._hashes)
        self._keep_smallest()
        return round((self._max_counted - 1) * (1 << 64) / self._below)

    def _keep_smallest(self) -> None:
        smallest = sorted(self._hashes)[: self._max_counted]
        self._hashes, self._below = set(smallest), smallest[-1] + 1


def survey(references: Iterable[Reference], *, max_counted: int = MAX_COUNTED) -> Listing:
    """Read a listing once, in bounded memory."""
    stream = iter(references)
    first = tuple(islice(stream, _NUM_FIRST))
    digest, groups = hashlib.sha256(), DistinctCount(max_counted)
    num_records = num_bytes = num_sized = 0
    for part in (first, stream):
        for one in part:
            text = f"{one.row}\0{one.name}\0{one.group}\0{one.version}\n"
            digest.update(text.encode(errors="surrogatepass"))
            groups.add(one.group)
            num_records += 1
            num_bytes += one.num_bytes
            num_sized += one.num_bytes > 0
    return Listing(
        num_records=num_records,
        num_groups=groups.number,
        groups_are_exact=groups.is_exact,
        num_bytes=num_bytes,
        num_sized=num_sized,
        digest=digest.hexdigest(),
        first=first,
    )
