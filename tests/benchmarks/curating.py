"""Judging a measured table: the rules of the default policy, and what the engine adds to every policy."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.curation.contamination import near_held_out
from pipelines.curation.duplicates.kinds import find_kind
from pipelines.curation.duplicates.settings import Exact, NearImage
from pipelines.curation.duplicates.workspace import SIDECAR_COLUMNS, Workspace
from pipelines.curation.parsing import Query, parse
from pipelines.curation.policy import load_policy
from pipelines.curation.queries import run_sql
from pipelines.curation.splits import split_column
from pipelines.layout import Layout
from tests.benchmarks.names import JUDGE_NEIGHBOURS, JUDGE_RULES
from tests.benchmarks.rows import Row, Settings, alternate, one_core
from tests.pipelines.curation.pools import evaluate

_TEXTS = pa.map_(pa.string(), pa.string())


def rows(settings: Settings) -> Iterator[Row]:
    """A table in memory: reading sidecars and signals and writing the view are not in these rows."""
    samples = measured_table(settings.size(200_000, 20_000))
    query = parse(load_policy("default"))
    with one_core() as on:
        runs = alternate(lambda: _judge(query, samples), num_pairs=settings.num_pairs)
    yield Row(what=JUDGE_RULES, unit="rows/s", on=on, runs=runs, note=f"{len(samples)} rows; with DuckDB's start")
    with one_core() as on:
        runs = alternate(lambda: _neighbours(samples), num_pairs=settings.num_pairs)
    yield Row(
        what=JUDGE_NEIGHBOURS,
        unit="rows/s",
        on=on,
        runs=runs,
        note=f"{len(samples)} rows, two languages per image, 8 % of the images near another; no picture is opened",
    )


def _judge(query: Query, samples: pa.Table) -> int:
    ruling = evaluate(query, samples)
    kept = ~np.logical_or.reduce(list(ruling.faults.values()))
    assert 0 < kept.sum() < len(samples), "a policy that keeps all or nothing was not put to the test"
    return len(kept)


def _neighbours(samples: pa.Table) -> int:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder), Layout(folder), ())
        workspace.run("create_samples")
        place = pa.array(np.zeros(len(samples), dtype=np.int32))
        records = samples.select(list(SIDECAR_COLUMNS)).append_column("part", place).append_column("shard", place)
        workspace.add(records, samples.select(["uid", "image_phash"]))
        for kind in (Exact(), NearImage()):
            find_kind(workspace, kind)
        assert workspace.table("counts")["num_components"][0].as_py(), "near images of one group are there to be found"
        workspace.close()
    leaks = near_held_out(samples, run_sql("texts", samples=samples))
    assert len(leaks), "so are pictures of other things that look like held-out ones"
    return len(samples)


def measured_table(num_rows: int) -> pa.Table:
    """What the engine reads of sidecars and signals: every image has a clip and a caption in two languages.

    The number of rows is a multiple of 100: images come in fifties.
    """
    rng = np.random.default_rng(0)
    image = np.arange(num_rows) // 2
    group = np.minimum(image, image // 50 * 50 + 48)  # the last two of every 50 images show one thing
    phash = rng.integers(0, 1 << 64, num_rows // 2, dtype=np.uint64)
    for place in (49, 24):  # near the image before it: of the same thing, of another thing
        phash[place::50] = phash[place - 1 :: 50] ^ np.uint64(3)
    language = np.where(np.arange(num_rows) % 2, "fr", "en")
    names = [(f"thing {number}", f"chose {number}") for number in image.tolist()]
    table = pa.table(
        {
            "uid": [f"{row:032x}" for row in range(num_rows)],
            "image_sha256": [f"{number:064x}" for number in image.tolist()],
            "audio_sha256": [f"{row:064x}" for row in range(num_rows)],
            "group": [f"group {number}" for number in group.tolist()],
            "language": language,
            "voice": [f"voice {number}" for number in rng.integers(0, 50, num_rows).tolist()],
            "caption": [pair[row % 2] for row, pair in enumerate(names)],
            "texts": pa.array([[("en", english), ("fr", french)] for english, french in names], _TEXTS),
            "image_phash": phash[image],
            **_signals(rng, num_rows),
        }
    )
    return table.append_column("split", split_column(table["group"], table["language"], table["voice"]))


def _signals(rng: np.random.Generator, num_rows: int) -> dict[str, NDArray[np.generic]]:
    """Most within what the default policy allows, some outside of each of its bounds."""

    def rarely() -> NDArray[np.bool_]:
        return rng.random(num_rows) < 0.005

    return {
        "width": rng.integers(12, 1024, num_rows, dtype=np.int32),
        "height": rng.integers(12, 1024, num_rows, dtype=np.int32),
        "is_blank": rarely(),
        "characters": rng.integers(1, 2010, num_rows, dtype=np.int32),
        "words": rng.integers(1, 400, num_rows, dtype=np.int32),
        "symbol_share": rng.beta(1, 8, num_rows).astype(np.float32),
        "repetition": rng.beta(1, 12, num_rows).astype(np.float32),
        "flagged_word_hits": rarely().astype(np.int32),
        "has_url": rarely(),
        "has_email": rarely(),
        "has_phone": rarely(),
        "duration_seconds": rng.gamma(2, 4, num_rows),
        "sample_rate_hz": rng.choice(np.array([4_000, 16_000, 44_100, 48_000], np.int32), num_rows),
        "loudness_lufs": rng.normal(-25, 12, num_rows).astype(np.float32),
        "clipping_share": rng.beta(0.2, 20, num_rows).astype(np.float32),
    }
