"""From a folder to a curated view, with the checks that stand in between; each passes and each fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from assets import curation, shards, signals, sources, training
from assets.partitions import key_of
from assets.view_checks import checks_of
from pipelines.storage import local_path

INGEST = [
    sources.source_records, shards.shards, shards.shards_are_intact, shards.keys_are_unique, shards.nobody_objected,
    shards.few_failures, shards.licences_are_known,
    signals.signals, *signals.CHECKS, curation.duplicates, curation.curated_view,
    checks_of(curation.curated_view),
]  # fmt: skip
Figures = Callable[[dg.ExecuteInProcessResult, str], dict[str, Any]]


def verdicts(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {f"{check.asset_key.path[-1]}/{check.check_name}": check.passed for check in evaluations(result)}


def evaluations(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    return list(result.get_asset_check_evaluations())


def test_a_folder_becomes_a_view_and_the_size_check_stands_in_the_way_of_training(
    workplace: Any, figures: Figures
) -> None:
    result = workplace.materialize(*INGEST)
    assert figures(result, "source_records")["num_records"] == 12
    packed = figures(result, "shards")
    assert (packed["num_samples"], packed["num_by_license"]) == (12, {"CC0-1.0": 12})
    assert packed["thumbnails"].startswith("![pictures](data:image/webp")
    assert "data:image/svg+xml" in figures(result, "image_signals")["colourfulness"]
    view = figures(result, "curated_view")
    assert view["num_kept"] + sum(view["num_dropped_by_fault"].values()) == 12
    assert "data:image/svg+xml" in view["kept"]
    assert Path(view["data_card"]).is_file()
    failed = [name for name, passed in verdicts(result).items() if not passed]
    assert failed == ["curated_view/view_is_large_enough"]
    (check,) = [check for check in evaluations(result) if not check.passed]
    assert "at least 64 are needed" in str(check.description)


def test_the_data_version_is_the_content_and_a_second_time_nothing_is_made(workplace: Any, figures: Figures) -> None:
    first, second = workplace.materialize(*INGEST), workplace.materialize(*INGEST)
    for result in (first, second):
        assert len(result.get_asset_materialization_events()) == 8
    versions = [
        {event.asset_key: event.materialization.tags["dagster/data_version"]
         for event in result.get_asset_materialization_events()}
        for result in (first, second)
    ]  # fmt: skip
    assert versions[0] == versions[1]
    assert figures(first, "shards")["num_shards_written"] == 1
    assert figures(second, "shards")["num_shards_written"] == 0
    assert figures(second, "image_signals")["num_shards_measured"] == 0


def test_signals_can_be_measured_one_family_at_a_time(workplace: Any) -> None:
    workplace.materialize(sources.source_records, shards.shards)
    result = workplace.materialize(
        sources.source_records, shards.shards, signals.signals, selection=dg.AssetSelection.assets("text_signals")
    )
    assert [event.asset_key.path for event in result.get_asset_materialization_events()] == [["text_signals"]]


def test_a_damaged_shard_stops_everything_below_it(workplace: Any) -> None:
    workplace.materialize(sources.source_records, shards.shards)
    tar = local_path(workplace.corpora.layout.tar(workplace.snapshot, 0))
    data = bytearray(tar.read_bytes())
    data[1500] ^= 255
    tar.write_bytes(bytes(data))
    result = workplace.materialize(*INGEST)
    assert verdicts(result)["shards/shards_are_intact"] is False
    assert "curated_view" not in {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}


def test_shards_are_read_in_full_once_for_one_content(workplace: Any) -> None:
    for expected in ("num_samples", "verified_before"):
        result = workplace.materialize(sources.source_records, shards.shards, shards.shards_are_intact)
        (check,) = evaluations(result)
        assert check.passed
        assert expected in check.metadata


def test_a_record_that_cannot_be_packed_is_a_warning_and_many_are_an_error(workplace: Any) -> None:
    (workplace.folder / "food" / "apple.png").write_bytes(b"no picture")
    moved = workplace.corpora.source(workplace.corpora.corpus("tiny")).snapshot
    assert moved != workplace.snapshot.snapshot
    result = workplace.materialize(sources.source_records)
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    assert "the source is now at" in failure.step_failure_data.error.cause.message


def test_a_corpus_without_licences_is_told_of(workplace: Any) -> None:
    for path in workplace.folder.rglob("*.json"):
        path.unlink()
    text = Path(workplace.corpora.user_catalog).read_text().replace("CC0-1.0", "")
    Path(workplace.corpora.user_catalog).write_text(text)
    snapshot = workplace.corpora.source(workplace.corpora.corpus("tiny")).snapshot
    key = f"tiny/{snapshot}"
    workplace.instance.add_dynamic_partitions("snapshots", [key])
    result = dg.materialize(
        [sources.source_records, shards.shards, shards.licences_are_known],
        instance=workplace.instance, resources=workplace.resources, partition_key=key,
    )  # fmt: skip
    (check,) = evaluations(result)
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "without a licence" in str(check.description)


def test_an_asset_without_the_one_above_says_so(workplace: Any) -> None:
    result = workplace.materialize(
        *INGEST, training.aligner, selection=dg.AssetSelection.assets("aligner").without_checks()
    )
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    message = failure.step_failure_data.error.cause.message
    assert f"curated_view, partition {key_of(workplace.snapshot)}: never materialized" in message


def test_a_check_that_is_run_alone_looks_at_the_partition_made_last(workplace: Any) -> None:
    workplace.materialize(sources.source_records, shards.shards)
    result = dg.materialize(
        [sources.source_records, shards.shards, shards.few_failures],
        selection=dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("shards"), "few_failures")),
        instance=workplace.instance,
        resources=workplace.resources,
    )
    (check,) = evaluations(result)
    assert check.passed
