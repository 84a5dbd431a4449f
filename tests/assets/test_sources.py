"""What a corpus offers, said without reading it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import dagster as dg

from assets import shards, sources

Figures = Callable[[dg.ExecuteInProcessResult, str], dict[str, Any]]


def version(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.get_asset_materialization_events()
    return str((event.materialization.tags or {})["dagster/data_version"])


def test_records_things_bytes_and_facts_are_told(workplace: Any, figures: Figures) -> None:
    told = figures(workplace.materialize(sources.source_records), "source_records")
    assert (told["num_records"], told["num_groups"]) == (12, 6)
    assert told["headline"] == "12 records of 6 things"
    assert told["groups"] == "counted exactly"
    assert "| license | CC0-1.0 |" in told["facts"]
    assert len(told["first_records"].splitlines()) == 7
    assert told["size_before_reading"].endswith("bytes in 12 records")


def test_the_same_listing_has_the_same_data_version(workplace: Any) -> None:
    first, second = (version(workplace.materialize(sources.source_records)) for _ in range(2))
    assert first == second


def test_a_partition_of_another_profile_packs_small_media(workplace: Any, figures: Figures) -> None:
    key = f"{workplace.snapshot}-train16q80a16"
    workplace.instance.add_dynamic_partitions("snapshots", [key])
    result = dg.materialize(
        [sources.source_records, shards.shards], instance=workplace.instance, resources=workplace.resources,
        partition_key=key,
    )  # fmt: skip
    assert result.success
    assert figures(result, "shards")["dagster/uri"].endswith("-train16q80a16")
    layout, (row, *_) = workplace.corpora.layout, rows_of(workplace.corpora.layout, key)
    assert (row["width"], row["original_width"], row["image_extension"]) == (16, 48, "jpg"), layout


def rows_of(layout: Any, key: str) -> list[dict[str, Any]]:
    from assets.partitions import snapshot_of
    from pipelines.shards.reading import read_sidecar

    return list(read_sidecar(layout, snapshot_of(key), 0).to_pylist())


def test_a_corpus_is_packed_as_its_entry_says(workplace: Any) -> None:
    corpus = workplace.corpora.corpus("tiny")
    assert workplace.corpora.present(corpus) == workplace.snapshot
    small = dataclasses.replace(corpus, profile="train")
    assert workplace.corpora.present(small).snapshot == f"{workplace.snapshot.snapshot}-train256q92a16"
