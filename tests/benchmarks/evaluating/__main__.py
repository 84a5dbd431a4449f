"""`python -m tests.benchmarks.evaluating --items N --dim D`: retrieval among N items, its time and its peak memory."""

import argparse
import resource
import sys
import time

import numpy as np

from mmmodels.evaluation.ranking import ranks_of
from mmmodels.evaluation.retrieval import Ranked


def main() -> None:
    """Random vectors whose right answers lie near; each query is ranked among all candidates."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.evaluating", description=__doc__)
    parser.add_argument("--items", type=int, default=20_000, help="candidates (default: %(default)s)")
    parser.add_argument("--queries", type=int, help="default: one for each item")
    parser.add_argument("--dim", type=int, default=128)
    args = parser.parse_args()
    num_queries = min(args.queries or args.items, args.items)
    candidates = _unit(np.random.default_rng(0).standard_normal((args.items, args.dim), dtype=np.float32))
    queries = np.random.default_rng(1).standard_normal((num_queries, args.dim), dtype=np.float32)
    queries *= 1.5 / np.sqrt(args.dim)
    queries += candidates[:num_queries]
    before, start = _peak_bytes(), time.perf_counter()
    own = np.arange(num_queries)
    ranks = ranks_of(_unit(queries), candidates, np.stack([own, own], axis=1))
    ranked = time.perf_counter() - start
    sizes = np.full(num_queries, args.items)
    metrics = Ranked(ranks=ranks, num_candidates=sizes, num_right=np.ones_like(sizes), clusters=own).metrics()
    seconds = time.perf_counter() - start
    print(f"{num_queries:,} queries among {args.items:,} items of {args.dim} dimensions")
    print(f"ranks {ranked:.1f} s ({num_queries * args.items / ranked / 1e9:.2f} billion scores/s)")
    print(f"intervals {seconds - ranked:.1f} s, together {seconds:.1f} s")
    print(f"peak memory {_peak_bytes() / 1e9:.2f} GB, before it began {before / 1e9:.2f} GB")
    print(f"R@1 {metrics['r_at_1']['value']:.4f}, R@10 {metrics['r_at_10']['value']:.4f}")


def _unit(rows: np.ndarray) -> np.ndarray:
    """In place."""
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _peak_bytes() -> int:
    """Of this process; kilobytes on Linux, bytes on macOS."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
