import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.curation.duplicates import DuplicateSettings, find_duplicates, finding
from pipelines.curation.duplicates.settings import NearImage, Semantic
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot
from pipelines.signals.embeddings import DIMENSIONS
from pipelines.signals.schema import EMBEDDINGS, FAMILIES

FINGERPRINTS = FAMILIES["fingerprints"].key
FAMILY = "embeddings@0123456789ab"


def rows(uri: str) -> list[dict[str, Any]]:
    return storage.read_table(uri).to_pylist()


def write_vectors(layout: Layout, snapshot: Snapshot, vectors: Sequence[Sequence[float] | None]) -> None:
    """Of the samples of a snapshot of one shard, in order."""
    uids = storage.read_table(layout.signal(FINGERPRINTS, snapshot, 0), ["uid"])["uid"].to_pylist()
    given = [
        {"uid": uid, "image_vector": None if vector is None else np.array(vector, np.float16)}
        for uid, vector in zip(uids, vectors, strict=True)
    ]
    table = pa.Table.from_pylist(given, schema=EMBEDDINGS).replace_schema_metadata({DIMENSIONS: "2"})
    storage.write_table(layout.signal(FAMILY, snapshot, 0), table)


def test_copies_across_corpora_are_found_and_the_report_says_how_many(corpus: Any, made: Any) -> None:
    things = made.things(4)
    layout, one = corpus(things)
    _, other = corpus([replace(thing, name=f"copy of {thing.name}") for thing in things[:3]], name="others")
    report = find_duplicates(layout, [one, other])
    exact = report.kinds["exact"]
    assert (exact.num_components, exact.num_duplicates, exact.largest) == (3, 3, (2, 2, 2))
    assert report.num_by_kind == {"exact": 3, "near_image": 0}
    assert storage.read_table(report.uri).schema.equals(finding.SCHEMA)
    assert report.num_duplicates == sum(row["rank"] > 0 for row in rows(report.uri))


def test_found_once_and_a_kind_that_is_there_is_not_looked_for_again(
    corpus: Any, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, snapshot = corpus(made.things(3))
    first = find_duplicates(layout, [snapshot])
    searched: list[str] = []
    monkeypatch.setattr(finding, "_find", lambda *given: searched.append(given[1]) or _write(given[3]))
    assert find_duplicates(layout, [snapshot]) == first
    assert searched == []
    other = DuplicateSettings(kinds={**DuplicateSettings().kinds, "near_image": NearImage(max_distance=2)})
    assert find_duplicates(layout, [snapshot], settings=other).digest != first.digest
    assert searched == ["near_image"]


def _write(uri: str) -> None:
    counts = {"num_components": 0, "num_duplicates": 0, "largest": [], "num_cut": 0, "seconds": 0.0}
    table = finding.SCHEMA.empty_table().replace_schema_metadata({"duplicates": json.dumps(counts)})
    storage.write_table(uri, table)


def test_how_the_corpus_is_cut_into_files_does_not_matter(corpus: Any, made: Any, tmp_path: Path) -> None:
    twins = [made.thing(name=f"twin {n}", group=f"g{n % 4}", image=made.picture(n % 4, shift=n)) for n in range(12)]
    things = [*made.things(6), *twins]
    found = []
    for per_shard in (1000, 5):
        layout, snapshot = corpus(things, per_shard=per_shard)
        report = find_duplicates(layout, [snapshot])
        assert report.num_by_kind["near_image"] > 0
        found.append(rows(report.uri))
        shutil.rmtree(tmp_path / "root")
    assert found[0] == found[1]


def test_unmeasured_fingerprints_say_which_call_is_missing_unless_that_is_allowed(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus(made.things(3))
    storage.remove(layout.signal(FINGERPRINTS, snapshot, 0))
    with pytest.raises(SignalError, match=f"of 3 samples out of 3, .* --signals {FINGERPRINTS}"):
        find_duplicates(layout, [snapshot])
    assert find_duplicates(layout, [snapshot], allow_not_measured=True).num_duplicates == 0
    only_exact = DuplicateSettings.parse({"exact": {}}, where="policy p")
    assert find_duplicates(layout, [snapshot], settings=only_exact).num_duplicates == 0


def test_vectors_that_nearly_agree_are_semantic_duplicates(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus(made.things(5))
    write_vectors(layout, snapshot, [(1, 0), (0.999, 0.04), (0, 1), None, (-1, 0)])
    settings = DuplicateSettings(kinds={"semantic": Semantic(family=FAMILY, modality=Modality.IMAGE)})
    found = rows(find_duplicates(layout, [snapshot], settings=settings).uri)
    assert [row["rank"] for row in found] == [0, 1]
    assert found[1]["similarity"] == pytest.approx(0.999, abs=0.001)


def test_a_model_that_scored_nothing_is_named(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus(made.things(2))
    settings = DuplicateSettings(kinds={"semantic": Semantic(family=FAMILY)})
    with pytest.raises(SignalError, match=f"{FAMILY}.*no vectors of this model"):
        find_duplicates(layout, [snapshot], settings=settings)


def _find_slowly(layout: Layout, snapshot: Snapshot) -> None:
    find = finding._find

    def slow(workspace: Any, name: str, *given: Any) -> None:
        find(workspace, name, *given)
        if name == "exact":
            time.sleep(60)

    finding._find = slow
    find_duplicates(layout, [snapshot])


def test_a_search_that_was_killed_keeps_the_kinds_it_had_and_leaves_nothing_behind(corpus: Any, made: Any) -> None:
    layout, snapshot = corpus(made.things(3))
    process = multiprocessing.get_context("fork").Process(target=_find_slowly, args=(layout, snapshot))
    process.start()
    while not storage.names(f"{layout.root}/duplicates", ".parquet"):
        time.sleep(0.05)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    left = storage.names(layout.cache("duplicates"))
    assert len(left) == 1, "the tables of the dead"
    report = find_duplicates(layout, [snapshot])
    assert set(report.kinds) == {"exact", "near_image"}
    assert storage.names(layout.cache("duplicates")) == []
