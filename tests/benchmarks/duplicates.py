"""Near hashes, captions and vectors among many, against comparing each with all others.

`python -m tests.benchmarks.duplicates --hashes 1000000 --captions 1000000 --vectors 200000` for other sizes. The peer
compares a part of the rows with all of them: its rate is of that part. What both find of the part is compared first.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.curation.duplicates.cells import find_cells, similar_pairs
from pipelines.curation.duplicates.texts import similar_sketches
from pipelines.curation.duplicates.workspace import Workspace
from pipelines.curation.hamming import near_pairs
from pipelines.curation.runs import Ends
from pipelines.layout import Layout
from pipelines.signals.fingerprints import NUM_MINHASHES
from tests.benchmarks.names import NEAR_HASHES, NEAR_TEXTS, NEAR_VECTORS
from tests.benchmarks.rows import Row, Runs, Settings, one_core

Pairs = set[tuple[int, int]]

_DISTANCE, _JACCARD, _COSINE = 4, 0.9, 0.95
_DIM = 512
_COPIED = 0.1
_PEER = "each of a part with all others, NumPy"


def rows(settings: Settings, sizes: tuple[int, int, int] | None = None) -> Iterator[Row]:
    """A tenth of the rows are copies with small changes; the rest have nothing in common."""
    full = (1_000_000, 1_000_000, 200_000)
    num_hashes, num_captions, num_vectors = sizes or tuple(settings.size(one, one // 50) for one in full)
    rng = np.random.default_rng(0)
    num_pairs = settings.num_pairs
    yield _row(NEAR_HASHES, _HashSearch(_hashes(rng, num_hashes)), num_pairs=num_pairs, part=200)
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        workspace = Workspace(Path(folder), Layout(folder), ())
        search = _TextSearch(_sketches(rng, num_captions), workspace)
        yield _row(NEAR_TEXTS, search, num_pairs=num_pairs, part=50)
        workspace.close()
    yield _row(NEAR_VECTORS, _VectorSearch(_vectors(rng, num_vectors)), num_pairs=num_pairs, part=200)


class _HashSearch:
    """All pairs, complete."""

    least_found = 1.0

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        self.rows = hashes

    def ours(self) -> Iterable[Ends]:
        first, second, _ = near_pairs(self.rows, _DISTANCE)
        return [(first, second)]

    def near(self, row: int) -> NDArray[np.bool_]:
        return np.bitwise_count(self.rows ^ self.rows[row]) <= _DISTANCE


class _TextSearch:
    """Complete for the estimated similarity."""

    least_found = 1.0

    def __init__(self, sketches: NDArray[np.uint32], workspace: Workspace) -> None:
        self.rows, self.workspace = sketches, workspace

    def ours(self) -> Iterable[Ends]:
        return list(similar_sketches(self.rows, _JACCARD, self.workspace))

    def near(self, row: int) -> NDArray[np.bool_]:
        return np.mean(self.rows == self.rows[row], axis=1) >= _JACCARD


class _VectorSearch:
    """Within cells: a pair on both sides of a border may be missed."""

    least_found = 0.9

    def __init__(self, vectors: NDArray[np.float16]) -> None:
        self.rows = vectors
        self.wide = vectors.astype(np.float32)

    def ours(self) -> Iterable[Ends]:
        return list(similar_pairs(self.rows, find_cells(self.rows, 0), _COSINE))

    def near(self, row: int) -> NDArray[np.bool_]:
        return self.wide @ self.wide[row] >= _COSINE


_Search = _HashSearch | _TextSearch | _VectorSearch


def _row(what: str, search: _Search, *, num_pairs: int, part: int) -> Row:
    number = len(search.rows)
    chosen = np.arange(number - part, number)  # the last ones are copies of others
    ours, peer, cpu = [], [], time.process_time()
    found = expected = np.zeros(0, dtype=np.int64)
    begin = time.perf_counter()
    with one_core() as on:
        for _ in range(num_pairs):
            found, seconds = _timed(lambda: _codes(search.ours(), number, chosen))
            ours.append(number / seconds)
            expected, seconds = _timed(lambda: _all_others(search.near, number, chosen))
            peer.append(part / seconds)
    share = np.isin(expected, found).mean()
    assert len(expected) >= part // 2, "copies are there to be found"
    assert share >= search.least_found, f"{what}: {share:.1%} of the pairs were found"
    assert np.isin(found, expected).all(), f"{what}: pairs that are not near"
    cpu_share = (time.process_time() - cpu) / (time.perf_counter() - begin)
    runs = Runs(ours=tuple(ours), peer=tuple(peer), cpu_share=cpu_share)
    note = f"{number:,} rows in {number / max(ours):.1f} s at best; {share:.1%} of the pairs of {part} rows found"
    return Row(what=what, unit="rows/s", on=on, runs=runs, peer_name=_PEER, note=note)


def _timed(work: Callable[[], NDArray[np.int64]]) -> tuple[NDArray[np.int64], float]:
    start = time.perf_counter()
    done = work()
    return done, time.perf_counter() - start


def _codes(pieces: Iterable[Ends], number: int, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of which one end is chosen, as numbers."""
    codes = [np.zeros(0, dtype=np.int64)]
    for first, second in pieces:
        wanted = (first >= chosen[0]) | (second >= chosen[0])
        low, high = np.minimum(first, second)[wanted], np.maximum(first, second)[wanted]
        codes.append(low * number + high)
    return np.unique(np.concatenate(codes))


def _all_others(near: Callable[[int], NDArray[np.bool_]], number: int, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    codes = [np.zeros(0, dtype=np.int64)]
    for row in chosen.tolist():
        others = np.flatnonzero(near(row))
        others = others[others != row]
        codes.append(np.minimum(others, row) * number + np.maximum(others, row))
    return np.unique(np.concatenate(codes))


def _hashes(rng: np.random.Generator, number: int) -> NDArray[np.uint64]:
    hashes = rng.integers(0, 1 << 64, number, dtype=np.uint64)
    copies = int(_COPIED * number)
    hashes[-copies:] = hashes[:copies]
    for _ in range(_DISTANCE - 1):
        hashes[-copies:] ^= np.uint64(1) << rng.integers(0, 64, copies, dtype=np.uint64)
    return hashes


def _sketches(rng: np.random.Generator, number: int) -> NDArray[np.uint32]:
    sketches = rng.integers(0, 1 << 32, (number, NUM_MINHASHES), dtype=np.uint32)
    copies = int(_COPIED * number)
    sketches[-copies:] = sketches[:copies]
    for _ in range(3):
        sketches[np.arange(number - copies, number), rng.integers(0, NUM_MINHASHES, copies)] = 0
    return sketches


def _vectors(rng: np.random.Generator, number: int) -> NDArray[np.float16]:
    """Around centres, as those of things of a kind are."""
    centres = rng.normal(size=(max(2, number // 500), _DIM)).astype(np.float32)
    vectors = centres[rng.integers(0, len(centres), number)]
    vectors += rng.standard_normal(vectors.shape, dtype=np.float32)
    copies = int(_COPIED * number)
    vectors[-copies:] = vectors[:copies] + 0.2 * rng.standard_normal((copies, _DIM), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16)


def main() -> None:
    """Print rates, the peer's and the ratio."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.duplicates", description=__doc__.split("\n")[0])
    for name, default in (("hashes", 1_000_000), ("captions", 1_000_000), ("vectors", 200_000)):
        parser.add_argument(f"--{name}", type=int, default=default, help="how many (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=3, help="runs of each side (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(folder=Path(folder), num_pairs=args.pairs)
        for row in rows(settings, (args.hashes, args.captions, args.vectors)):
            sys.stdout.write(f"{row.what}: {row.ours:,.0f} rows/s, {row.ratio:,.0f} x {row.peer_name}; {row.note}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
