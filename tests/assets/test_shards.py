"""What a packed snapshot says of itself, and its checks: each passes, each fails."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets import shards, sources
from assets.packing import ShardsConfig
from assets.partitions import SNAPSHOTS
from assets.resources import Compute, CorpusStore
from pipelines import storage
from pipelines.errors import SourceError
from pipelines.samples import Snapshot
from pipelines.shards.media import ORIGINAL, MediaProfile
from pipelines.sources.catalog import Corpus
from pipelines.sources.source import Source
from tests.pipelines.shards.listed import Listed

CHECKS = [
    shards.shards_are_intact, shards.keys_are_unique, shards.nobody_objected, shards.few_failures,
    shards.licences_are_known,
]  # fmt: skip
SNAPSHOT = Snapshot(corpus="listed", snapshot="one")
NAMES = tuple(f"name-{number:03d}" for number in range(40))
Figures = Callable[[dg.ExecuteInProcessResult, str], dict[str, Any]]


class ListedStore(CorpusStore):
    """Knows one corpus: a list of names, with URLs that do what the weather says."""

    names: list[str]
    weather: str
    license: str = "CC0-1.0"

    def corpus(self, name_or_folder: str) -> Corpus:
        return Corpus(name=name_or_folder, reader="folder", location="nowhere")

    def source(self, corpus: Corpus) -> Source:
        assert corpus.name == "listed"
        return Listed(names=tuple(self.names), weather=Path(self.weather), license=self.license)


@dataclass
class Packing:
    """A corpus of names, materialized in changing weather."""

    store: ListedStore
    instance: dg.DagsterInstance

    def run(self, config: dict[str, Any] | None = None, **weather: str) -> dg.ExecuteInProcessResult:
        Path(self.store.weather).write_text(
            json.dumps({name.replace("_", "-"): what for name, what in weather.items()})
        )
        return dg.materialize(
            [sources.source_records, shards.shards, *CHECKS],
            instance=self.instance,
            resources={"corpora": self.store, "compute": Compute(num_workers=1)},
            partition_key=str(SNAPSHOT),
            run_config={"ops": {"shards": {"config": {"samples_per_shard": 10, **(config or {})}}}},
            raise_on_error=False,
        )


@pytest.fixture
def make(tmp_path: Path, instance: dg.DagsterInstance) -> Callable[..., Packing]:
    def packing(names: tuple[str, ...] = NAMES, **options: Any) -> Packing:
        instance.add_dynamic_partitions(str(SNAPSHOTS.name), [str(SNAPSHOT)])
        store = ListedStore(
            root=str(tmp_path / "root"), cache=str(tmp_path), names=names, weather=str(tmp_path / "weather"), **options
        )
        return Packing(store, instance)

    return packing


def check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == name]
    return found


def test_a_clean_snapshot_passes_every_check_and_each_says_so(make: Callable[..., Packing]) -> None:
    result = make().run()
    assert result.success
    for one in result.get_asset_check_evaluations():
        assert one.passed, one
        assert one.description
        assert one.metadata


def test_what_failed_is_counted_by_reason_status_and_host(make: Callable[..., Packing], figures: Figures) -> None:
    result = make().run({"max_failure_rate": 1.0}, name_003="gone", name_004="gone", name_015="away")
    packed = figures(result, "shards")
    assert (packed["num_records"], packed["num_samples"], packed["num_failed"]) == (40, 37, 3)
    assert "| failed\\_to\\_download | 3 | 7.50% |" in packed["by_status"]
    first, second = packed["failures"].splitlines()[2:]
    assert first == r"| 2 | 5.00% | failed\_to\_download | HTTP 404 (such as name-003) |"
    assert second == r"| 1 | 2.50% | failed\_to\_download | HTTP 503 (such as name-015) |"
    assert (packed["num_urls"], packed["num_requests"]) == (40, 40)
    assert "| 404 | 2 | 5.00% |" in packed["downloads_by_http_status"]
    assert "| a | 40 | 3 | 0 | 40 |" in packed["hosts"]
    assert "| allowed | 40 | 100.00% |" in packed["downloads_by_consent"]
    assert Path(packed["page"]).read_text().count("HTTP 404") >= 2


def test_a_second_run_says_what_it_tried_again(make: Callable[..., Packing], figures: Figures) -> None:
    packing = make()
    first = figures(packing.run(name_003="away"), "shards")
    assert first["samples_per_second"] > 0
    assert (first["num_shards_written"], first["num_retried"]) == (4, 0)
    second = figures(packing.run(), "shards")
    assert (second["num_shards_written"], second["num_retried"], second["num_failed"]) == (1, 1, 0)
    assert "failures" not in second
    assert "| fetched | 40 | 100.00% |" in second["downloads_by_outcome"]
    third = figures(packing.run(), "shards")
    assert "samples_per_second" not in third


def test_more_than_one_failure_in_a_hundred_is_a_warning_that_says_why(make: Callable[..., Packing]) -> None:
    found = check(make().run(name_003="gone"), "few_failures")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 of 40 records failed (2.50%). 1 x failed_to_download: HTTP 404" in str(found.description)
    assert "Mend these records" in str(found.description)


def test_more_failures_than_allowed_fail_the_pack_and_the_reasons_are_named(make: Callable[..., Packing]) -> None:
    names = tuple(f"name-{number:03d}" for number in range(120))
    gone = {f"name_{number:03d}": "gone" for number in range(0, 120, 3)}
    (failure,) = (
        make(names).run(**gone).filter_events(lambda event: event.is_step_failure and event.step_key == "shards")
    )
    message = failure.step_failure_data.error.cause.message
    assert "40 of 120 records failed" in message
    assert "40 x failed_to_download: HTTP 404" in message


def test_a_name_that_stands_twice_is_a_warning_and_no_failure(make: Callable[..., Packing]) -> None:
    result = make((*NAMES, "name-003")).run()
    found = check(result, "keys_are_unique")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 of 41 records (2.44%) have a name that stands earlier" in str(found.description)
    assert check(result, "few_failures").passed


def test_a_uid_that_stands_twice_stops_everything_below(make: Callable[..., Packing]) -> None:
    packing = make()
    packing.run()
    layout = packing.store.layout
    uri = layout.sidecar(SNAPSHOT, 3)
    uids = storage.read_table(layout.sidecar(SNAPSHOT, 0), ["uid"])["uid"]
    table = storage.read_table(uri)
    storage.write_table(uri, table.set_column(0, "uid", uids))
    found = check(packing.run(), "keys_are_unique")
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert "in shards 00000000 and 00000003" in str(found.description)


def test_a_sample_whose_owner_said_no_stops_everything_below_until_it_is_withdrawn(
    make: Callable[..., Packing],
) -> None:
    packing = make(("a", "b"))
    packing.run()
    layout = packing.store.layout
    record = storage.read_table(layout.sidecar(SNAPSHOT, 0), ["uid", "url"]).to_pylist()[0]
    ledger = storage.read_table(layout.downloads(SNAPSHOT, 0)).to_pylist()[0]
    later = pa.Table.from_pylist([{**ledger, "consent": "x-robots-tag: noai", "outcome": "opted_out", "seen_at": 9e9}])
    storage.write_table(layout.ledger(f"consent/{SNAPSHOT}/later.parquet"), later)
    found = check(packing.run(), "nobody_objected")
    assert (found.passed, found.blocking) == (False, True)
    assert f"(first {record['uid']}: x-robots-tag: noai)" in str(found.description)
    assert "http" not in str(found.description)
    storage.write_table(layout.ledger("tombstones.parquet"), pa.table({"uid": [record["uid"]]}))
    found = check(packing.run(), "nobody_objected")
    assert found.passed
    assert found.metadata["num_withdrawn"].value == 1


def test_the_share_without_a_licence_is_told_with_what_to_do(make: Callable[..., Packing]) -> None:
    found = check(make(license="unknown").run(), "licences_are_known")
    assert not found.passed
    assert "40 samples (100.00%) without a licence: name it in the catalog" in str(found.description)
    assert "| unknown | 40 | 100.00% |" in str(found.metadata["by_license"].value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"samples_per_shard": 0}, "config of shards: samples_per_shard = 0: expected 1 or more"),
        ({"max_failure_rate": 5.0}, r"expected a rate in \[0, 1\]"),
        ({"num_workers": -1}, "num_workers = -1"),
        ({"media_check": "none"}, "check = 'none', expected one of"),
    ],
)
def test_a_setting_that_cannot_be_is_explained(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        ShardsConfig(**wrong).packing(profile=ORIGINAL, num_workers=1)


def test_settings_reach_the_packing(make: Callable[..., Packing], figures: Figures) -> None:
    assert figures(make().run({"samples_per_shard": 7}), "shards")["num_shards"] == 6
    config = ShardsConfig(num_workers=3, media_check="header").packing(profile=ORIGINAL, num_workers=1)
    assert (config.num_workers, config.profile.check) == (3, "header")
    assert ShardsConfig().packing(profile=ORIGINAL, num_workers=5).num_workers == 5


def test_every_setting_is_described() -> None:
    assert all(len(str(field.description).split()) > 4 for field in ShardsConfig.model_fields.values())


def test_the_name_of_a_partition_says_what_is_done_to_media() -> None:
    train = MediaProfile(name="train", image_side_pixels=128, audio_rate_hz=48_000)
    small = MediaProfile(name="train", image_side_pixels=64, jpeg_quality=80)
    quick = {"name": "original", "check": "header"}
    of_small, of_quick = (
        {"profile": one} for one in ({"name": "train", "image_side_pixels": 64, "jpeg_quality": 80}, quick)
    )
    for end, entry, expected in (
        (f"-{train.suffix}", {}, train),
        (f"-{train.suffix}", of_small, train),
        (f"-{small.suffix}", of_small, small),
        ("-trained", {}, ORIGINAL),
        ("", of_small, ORIGINAL),
        ("", of_quick, MediaProfile(check="header")),
    ):
        corpus = Corpus(name="c", reader="folder", location="nowhere", **entry)
        assert sources.profile_of(Snapshot(corpus="c", snapshot=f"17.0.0{end}"), corpus) == expected
