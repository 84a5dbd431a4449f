"""A pool of any size as gathered files: uids and 17 signals, most within what a mild policy allows."""

from pathlib import Path

import duckdb

from pipelines.curation.connections import MEMORY_LIMIT, PARQUET, quoted
from pipelines.curation.gathering import ROWS_PER_FILE, Gathered
from pipelines.curation.pooling import Samples
from pipelines.samples import Snapshot

NUM_THREADS = 2
_POOL = """
select
  md5(i::varchar) as uid,
  (i // 10000)::int as __shard,
  i as __source_row,
  case when hash(i, 4) % 10 = 0 then 'held_out_concept' else 'train' end as __split,
  hash(i, 1) % 300 as __facet,
  0::ubigint as __unmeasured,
  (12 + hash(i, 5) % 1000)::int as width,
  (12 + hash(i, 6) % 1000)::int as height,
  hash(i, 12) % 200 = 0 as is_blank,
  (1 + hash(i, 7) % 2010)::int as characters,
  (1 + hash(i, 8) % 400)::int as words,
  (hash(i, 13) % 10000 / 12500)::float as symbol_share,
  (hash(i, 14) % 10000 / 28000)::float as repetition,
  (hash(i, 9) % 200 = 0)::int as flagged_word_hits,
  hash(i, 15) % 200 = 0 as has_url,
  (hash(i, 16) % 600000 / 10000)::double as duration_seconds,
  16000 as sample_rate_hz,
  (hash(i, 17) % 10000 / 166 - 70)::float as loudness_lufs,
  (hash(i, 18) % 10000 / 166666)::float as clipping_share,
  (hash(i, 19) % 1000003 / 1000003)::float as image_text_score,
  (hash(i, 20) % 1000003 / 1000003)::float as audio_text_score,
  hash(i, 11) as image_phash,
  (hash(i, 21) % 1000003 / 1000)::float as sharpness
from range($start, $stop) as t(i)
"""
_FACETS = """
select
  f::ubigint as facet,
  'bench' as corpus,
  'one' as snapshot,
  ['train', 'held_out_concept'][1 + f % 2] as split,
  ['en', 'fr', 'de', 'zh', 'ru'][1 + f % 5] as language,
  'source ' || (f // 10) as source,
  'CC0-1.0' as license,
  'image+text' as modalities
from range(300) as t(f)
"""


def make_pool(folder: Path, num_rows: int) -> Samples:
    """Write it; 80 bytes a row."""
    folder.mkdir(parents=True, exist_ok=True)
    files, counts = [], []
    with duckdb.connect(":memory:", config={"threads": NUM_THREADS, "memory_limit": MEMORY_LIMIT}) as connection:
        for number, start in enumerate(range(0, num_rows, ROWS_PER_FILE)):
            stop = min(start + ROWS_PER_FILE, num_rows)
            files.append(str(folder / f"{number:08d}.parquet"))
            counts.append(stop - start)
            rows = _POOL.replace("$start", str(start)).replace("$stop", str(stop))
            connection.execute(f"copy ({rows}) to {quoted(files[-1])} ({PARQUET})")
        facets = str(folder / "facets.parquet")
        connection.execute(f"copy ({_FACETS}) to {quoted(facets)} ({PARQUET})")
    snapshot = Snapshot(corpus="bench", snapshot="one")
    one = Gathered(snapshot=snapshot, files=tuple(files), counts=tuple(counts), facets=facets, families=())
    return Samples(parts=(one,), repeated="", num_repeated=0)
