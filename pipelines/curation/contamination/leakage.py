"""Training samples that give a held-out concept away, and the proof that a view keeps none.

A split by hash keeps a group on one side; another group may still hold the same picture or the same words.
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipelines.curation.hamming import near_pairs
from pipelines.curation.pool import FINGERPRINTS, read_pool
from pipelines.curation.queries import fill_sql, run_sql
from pipelines.curation.views import View

LEAK_DISTANCE = 2
"""Of 64 bits; closer than NEAR_DISTANCE because it costs training samples of things that only resemble each other."""


MAX_LEAKS = 1000
"""Enough to see what is wrong; a view with one leak is as unfit as a view with many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """A kept training sample and a kept held-out sample that the split should have kept apart."""

    train_uid: str
    held_out_uid: str
    reason: str
    """same_group, near_image, same_text, same_clip, same_group_and_language or same_voice."""


def near_held_out(samples: pa.Table, texts: pa.Table) -> pa.Table:
    """The `uid`s of training samples near a held-out concept of another group: by picture, clip or text.

    Measured against every held-out sample, kept or not: evaluation sets of other views stay clean too.
    """
    images = run_sql("images", samples=samples)
    first, second, _ = near_pairs(images["image_phash"].to_numpy(), LEAK_DISTANCE)
    pairs = pa.table({"first": first, "second": second})
    return run_sql("near_held_out", samples=samples, images=images, pairs=pairs, texts=texts)


NEAR_HELD_OUT_COLUMNS = frozenset(
    {"group", "split", "language", "caption", "texts", "image_sha256", "audio_sha256", "width", "height", "image_phash"}
)
"""What `find_near_held_out` asks of the samples."""


def find_near_held_out(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """The same of the view `samples` in a connection that streams and spills; in memory are 8 bytes an image."""
    for name in ("texts", "images"):
        connection.execute(f"create or replace temp table {name} as {fill_sql(name)}")
    hashes = connection.sql("select image_phash from images order by position").to_arrow_table()
    first, second, _ = near_pairs(hashes["image_phash"].to_numpy(), LEAK_DISTANCE)
    connection.register("pairs", pa.table({"first": first, "second": second}))
    found: pa.Table = connection.sql(fill_sql("near_held_out")).to_arrow_table()
    for name in ("texts", "images"):
        connection.execute(f"drop table {name}")
    connection.unregister("pairs")
    return found


def check_leakage(view: View) -> list[Leak]:
    """Every leak of a stored view (at most MAX_LEAKS); none is the proof that its splits are clean."""
    kept = view.table(["uid", "group", "split", "language", "voice", "caption", "texts", "audio_sha256"])
    pool = read_pool(view.layout, view.snapshots, {FINGERPRINTS.key: FINGERPRINTS}, frozenset())
    hashes = pool.samples.select(["uid", "image_phash"])
    kept = run_sql("with_hashes", kept=kept, hashes=hashes)
    found = run_sql("leakage", params={"max_distance": LEAK_DISTANCE, "max_rows": MAX_LEAKS}, kept=kept)
    return [Leak(**row) for row in found.to_pylist()]
