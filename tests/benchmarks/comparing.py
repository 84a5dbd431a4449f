"""Comparing stored views, and captions with a list.

`python -m tests.benchmarks.comparing --rows 20000000` compares two views of one size, and tells seconds and memory.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np

from pipelines import storage
from pipelines.curation import connections
from pipelines.curation.diffing import diff
from pipelines.curation.views import SCHEMA_VERSION, View, open_view
from pipelines.layout import Layout
from pipelines.signals.relating.entries import Matcher
from tests.benchmarks.names import DIFF_POSITION, DIFF_UID, MATCH_ENTRIES
from tests.benchmarks.rows import Row, Settings, alternate, one_core

FAULTS = ("tombstoned", "not_measured", *(f"rule_{number}" for number in range(6)), "near_held_out", "duplicate")
_ROWS_PER_FILE = 2_000_000
_VERDICTS = """
select md5(row::varchar) as uid, 'corpus' as corpus, 'one' as snapshot, (row // 10000)::integer as shard,
  row as source_row,
  faults = 0 as kept, if(faults = 0, null, 'rule') as first_fault, faults, 1::float as weight, facet
from (
  select row, (hash(row, 5) % 200)::integer as facet, case when hash(row, {seed}) % 10 < 3 then
    (1::ubigint << (2 + hash(row, 7) % 6)) | if(hash(row, {seed}, 9) % 5 = 0, 1::ubigint << 9, 0::ubigint)
    else 0::ubigint
  end as faults
  from range({start}, {stop}) as rows(row)
)
"""
_FACETS = """
select 'corpus' as corpus, 'one' as snapshot, ['train', 'held_out_concept'][1 + n % 2] as split,
  ['en', 'fr', 'de', 'ru', 'ja'][1 + n % 5] as language, 'host ' || n % 20 as source, 'CC0' as license,
  'image+text' as modalities, n::integer as facet
from range(200) as facets(n)
"""


def rows(settings: Settings) -> Iterator[Row]:
    """On two threads, as a small machine has."""
    num_rows = settings.size(20_000_000, 200_000)
    connections.NUM_THREADS = 2
    old, new, other = stored(Layout(str(settings.folder / "comparing")), num_rows)
    for what, pair in ((DIFF_POSITION, (old, new)), (DIFF_UID, (old, other))):
        runs = alternate(lambda pair=pair: _compare(*pair), num_pairs=settings.num_pairs)
        yield Row(what=what, unit="rows/s", on="2 threads", runs=runs, note=f"{num_rows} rows in either view")
    connections.NUM_THREADS = None
    yield _matching(settings)


def _compare(old: View, new: View) -> int:
    found = diff(old, new)
    assert found.totals.num_added > 0 < found.totals.num_removed
    return found.totals.num_new_samples


def _matching(settings: Settings) -> Row:
    rng = np.random.default_rng(0)
    words = ["".join(map(chr, rng.integers(97, 123, length))) for length in rng.integers(2, 9, 60_000)]

    def phrases(number: int, shortest: int, longest: int) -> list[str]:
        lengths = rng.integers(shortest, longest, number)
        return [" ".join(words[word] for word in rng.integers(0, len(words), length)) for length in lengths]

    entries = dict.fromkeys(phrases(500_000, 1, 4))
    captions = phrases(settings.size(100_000, 5_000), 3, 20)
    matcher = Matcher(list(entries))

    def match() -> int:
        assert any(matcher.find(caption) for caption in captions[:100])
        return len(list(map(matcher.find, captions)))

    with one_core() as on:
        runs = alternate(match, num_pairs=settings.num_pairs)
    return Row(what=MATCH_ENTRIES, unit="captions/s", on=on, runs=runs, note=f"{len(entries)} entries of random words")


def stored(layout: Layout, num_rows: int) -> tuple[View, View, View]:
    """Two views of one pool, and one of a pool that says it has other shards."""
    views = [(1, "shards"), (2, "shards"), (2, "other shards")]
    return tuple(_store(layout, number, seed, num_rows, shards) for number, (seed, shards) in enumerate(views))  # type: ignore[return-value]


def _store(layout: Layout, number: int, seed: int, num_rows: int, shards: str) -> View:
    digest = f"{number:064x}"
    uri = layout.view("made", digest)
    folder = Path(uri) / "verdicts"
    folder.mkdir(parents=True)
    with duckdb.connect(config={"memory_limit": "1800MB", "threads": 2}) as connection:
        for part, start in enumerate(range(0, num_rows, _ROWS_PER_FILE)):
            sql = _VERDICTS.format(seed=seed, start=start, stop=min(start + _ROWS_PER_FILE, num_rows))
            connection.execute(f"copy ({sql}) to '{folder}/{part:08d}.parquet' ({connections.PARQUET})")
        storage.write_table(f"{uri}/facets.parquet", connection.sql(_FACETS).to_arrow_table())
    storage.write_atomic(f"{uri}/policy.sql", b"select uid from samples")
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "faults": FAULTS,
        "snapshots": [{"corpus": "corpus", "snapshot": "one"}],
        "policy": {"name": "made"},
        "inputs": {"shards": [shards], "params": {"seed": seed}, "signals": {}, "tombstones": []},
    }
    storage.write_json(f"{uri}/view.json", manifest)
    return open_view(layout, "made", digest)


def main() -> int:
    """Seconds and peak memory of one size, by position and by uid."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000, help="of either view (default: %(default)s)")
    parser.add_argument("--by-uid", action="store_true", help="also of two pools, by uid")
    args = parser.parse_args()
    connections.NUM_THREADS = 2
    with tempfile.TemporaryDirectory(prefix="trivium-bench-") as folder:
        old, new, other = stored(Layout(folder), args.rows)
        for name, pair in (("by position", (old, new)), *([("by uid", (old, other))] if args.by_uid else [])):
            start = time.perf_counter()
            found = diff(*pair)
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            moved = f"+{found.totals.num_added:,} -{found.totals.num_removed:,}"
            print(f"{args.rows:,} rows {name}: {seconds:.2f} s, {moved}, peak {peak:,.0f} MB")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
