"""Names that a listing holds twice, found in bounded memory: such records would share a uid."""

import hashlib
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipelines.samples import Reference

_NUM_BUCKETS = 64
_MAX_BUFFERED = 1 << 18  # hashes of 8 bytes a bucket before they go to disk: 128 MiB in all


class find_repeats:  # noqa: N801 - used like a function
    """Passes references through; `repeats` then gives the sorted 64-bit hashes of names that stood more than once.

    8 bytes a reference, on disk beyond 16 million of them: a billion need 8 GB there and 250 MB of memory.
    """

    def __init__(self, references: Iterable[Reference], *, max_buffered: int = _MAX_BUFFERED) -> None:
        self._references = references
        self._max_buffered = max_buffered
        self._buckets = [array("Q") for _ in range(_NUM_BUCKETS)]
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder:
            self._folder.cleanup()

    def __iter__(self) -> Iterator[Reference]:
        for reference in self._references:
            number = name_hash(reference.name)
            bucket = self._buckets[number % _NUM_BUCKETS]
            bucket.append(number)
            if len(bucket) >= self._max_buffered:
                self._spill(number % _NUM_BUCKETS)
            yield reference

    def repeats(self) -> NDArray[np.uint64]:
        """Of what was passed through so far."""
        return np.sort(np.concatenate([_repeated(self._whole(bucket)) for bucket in range(_NUM_BUCKETS)]))

    def _spill(self, bucket: int) -> None:
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="trivium-names-")
        with self._file(bucket).open("ab") as file:
            self._buckets[bucket].tofile(file)
        self._buckets[bucket] = array("Q")

    def _whole(self, bucket: int) -> NDArray[np.uint64]:
        here = np.array(self._buckets[bucket], dtype=np.uint64)
        if self._folder and self._file(bucket).exists():
            return np.concatenate([np.fromfile(self._file(bucket), dtype=np.uint64), here])
        return here

    def _file(self, bucket: int) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / str(bucket)


class Repeats:
    """Tells, reference by reference in source order, whether its name stood earlier; exact, whatever hashes do."""

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        self._hashes = frozenset(hashes.tolist())
        self._seen: set[str] = set()

    def __call__(self, reference: Reference) -> bool:
        if not self._hashes or name_hash(reference.name) not in self._hashes:
            return False
        is_repeat = reference.name in self._seen
        self._seen.add(reference.name)
        return is_repeat


def name_hash(name: str) -> int:
    """64 bits."""
    return int.from_bytes(hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def _repeated(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    ordered = np.sort(numbers)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
