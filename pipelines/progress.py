"""Progress of a stage: one bar on a terminal, rare plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
_LINE_SECONDS = 15.0


def track(iterable: Iterable[T], *, total: int | None, what: str) -> Iterator[T]:
    """Pass items through and tell how far it is; a stage shorter than a second says nothing."""
    if sys.stderr.isatty():
        yield from tqdm(iterable, total=total, desc=what, delay=1.0, dynamic_ncols=True)
    else:
        yield from _with_lines(iterable, total=total, what=what)


def _with_lines(iterable: Iterable[T], *, total: int | None, what: str) -> Iterator[T]:
    of = "" if total is None else f"/{total}"
    start = told = time.monotonic()
    for done, item in enumerate(iterable, start=1):
        yield item
        now = time.monotonic()
        if now - told >= _LINE_SECONDS or (done == total and now - start >= 1.0):
            told = now
            sys.stderr.write(f"{what}: {done}{of} after {now - start:.0f} s\n")
            sys.stderr.flush()
