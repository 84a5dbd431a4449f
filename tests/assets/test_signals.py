"""What measured families show of themselves, and their checks: each passes and each fails."""

import io
import re
from collections.abc import Callable
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from PIL import Image

from assets import shards, signals, sources
from assets.partitions import key_of
from pipelines import storage
from pipelines.samples import Snapshot
from pipelines.signals.schema import FAMILIES
from pipelines.storage import local_path

MADE = [sources.source_records, shards.shards, signals.signals]
Figures = Callable[[dg.ExecuteInProcessResult, str], dict[str, Any]]


def checked(workplace: Any, asset: str, **config: Any) -> dict[str, Any]:
    """The checks of one asset, run without it, for the partition made last; by name."""
    key = dg.AssetKey(asset)
    name = f"{asset}_distribution_is_stable"
    result = dg.materialize(
        [*MADE, *signals.CHECKS],
        selection=dg.AssetSelection.checks_for_assets(key),
        instance=workplace.instance,
        resources=workplace.resources,
        run_config=dg.RunConfig(ops={name: signals.DriftConfig(**config)}) if config else None,
        raise_on_error=False,
    )
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def change(workplace: Any, family: str, **columns: list[Any]) -> None:
    """Other values in the only signal file of a family."""
    uri = workplace.corpora.layout.signal(FAMILIES[family].key, workplace.snapshot, 0)
    table = storage.read_table(uri)
    for name, values in columns.items():
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))
    storage.write_table(uri, table)


def test_a_family_shows_how_its_columns_are_distributed_and_both_their_ends(workplace: Any, figures: Figures) -> None:
    (workplace.folder / "food" / "apple.en.txt").write_text("![x](http://a.example/x.png) <script>alert(1)</script>")
    moved = workplace.corpora.source(workplace.corpora.corpus("tiny")).snapshot
    snapshot = Snapshot(corpus="tiny", snapshot=moved)
    workplace.instance.add_dynamic_partitions("snapshots", [key_of(snapshot)])
    result = dg.materialize(
        MADE, instance=workplace.instance, resources=workplace.resources, partition_key=key_of(snapshot)
    )
    for name, asset in signals.ASSETS.items():
        page = figures(result, asset)
        rows = page["signals"].splitlines()
        assert len(rows) == 2 + len(FAMILIES[name].columns)
        assert all(len(text) < 200_000 for text in page.values() if isinstance(text, str))
    image = figures(result, "image_signals")
    assert image["sharpness"].startswith("![chart](<data:image/svg+xml")
    assert len(image["sharpness"]) < 1000
    assert image["signals"].count("data:image/svg+xml") == len(FAMILIES["image"].columns) - 1  # no JPEG, no quality
    ends = image["lowest_and_highest"].splitlines()[2:]
    assert len(ends) == 3 * 2 * 3
    assert all("![picture](data:image/webp" in row for row in ends)
    values = [float(re.findall(r"\| sharpness \| \w+ \| ([\d,.]+) ", row)[0].replace(",", "")) for row in ends[-6:]]
    assert values == sorted(values)
    assert image["samples_per_second"] > 0
    text = figures(result, "text_signals")
    assert "<script>" not in text["lowest_and_highest"]
    assert "](http" not in text["lowest_and_highest"]
    assert "und" in text["detected_language"] or text["detected_language"].count("|") > 6


def test_time_is_known_where_an_earlier_run_measured(workplace: Any, figures: Figures) -> None:
    first, second = (figures(workplace.materialize(*MADE), "audio_signals") for _ in range(2))
    assert first["seconds"] > 0
    assert (second["num_shards_measured"], second["seconds"]) == (0, 0)
    assert second["seconds_in_all"] == first["seconds_in_all"] > 0
    assert second["samples_per_second"] == first["samples_per_second"] > 0


def test_what_was_measured_passes_every_check(workplace: Any) -> None:
    result = workplace.materialize(*MADE, *signals.CHECKS)
    found = {(check.asset_key.path[-1], check.check_name): check for check in result.get_asset_check_evaluations()}
    assert len(found) == 4 * 2 + 3 * 2
    assert [name for name, check in found.items() if not check.passed] == []
    assert "no other snapshot" in found["text_signals", "distribution_is_stable"].description


def test_a_sample_without_a_row_fails(workplace: Any) -> None:
    workplace.materialize(*MADE)
    change(workplace, "text", uid=["0" * 32] * 12)
    check = checked(workplace, "text_signals")["every_sample_is_measured"]
    assert not check.passed
    assert "12 of 12 samples" in check.description
    assert "python -m pipelines measure --root" in check.description


def test_a_null_where_the_part_is_there_fails_and_others_do_not(workplace: Any) -> None:
    workplace.materialize(*MADE)
    change(workplace, "image", sharpness=[None] * 3 + [1.0] * 9, jpeg_quality=[None] * 12)
    found = checked(workplace, "image_signals")
    assert not found["nulls_are_expected"].passed
    assert "sharpness of 3 samples (first " in found["nulls_are_expected"].description
    assert "jpeg_quality" not in found["nulls_are_expected"].description
    assert found["values_are_in_range"].passed
    change(workplace, "fingerprints", image_phash=[None] * 12)
    assert not checked(workplace, "fingerprints")["nulls_are_expected"].passed


def test_a_value_that_cannot_be_fails(workplace: Any) -> None:
    workplace.materialize(*MADE)
    change(workplace, "audio", peak_dbfs=[3.0] + [-1.0] * 11, snr_db=[float("nan")] + [10.0] * 11)
    check = checked(workplace, "audio_signals")["values_are_in_range"]
    assert not check.passed
    assert "2 values lie outside" in check.description
    assert re.search(r"peak_dbfs of [0-9a-f]{32} is 3\.0", check.description)


@pytest.fixture
def two_snapshots(workplace: Any) -> tuple[Snapshot, Snapshot]:
    """A hundred pictures with short captions, and later with long ones."""
    found = []
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(buffer, "PNG")
    for words in (2, 12):
        for number in range(100):
            (workplace.folder / f"{number:03d}.png").write_bytes(buffer.getvalue())
            (workplace.folder / f"{number:03d}.en.txt").write_text(" ".join(["word"] * (words + number % 3)))
        state = workplace.corpora.source(workplace.corpora.corpus("tiny")).snapshot
        snapshot = Snapshot(corpus="tiny", snapshot=state)
        workplace.instance.add_dynamic_partitions("snapshots", [key_of(snapshot)])
        assert dg.materialize(
            MADE, instance=workplace.instance, resources=workplace.resources, partition_key=key_of(snapshot)
        ).success
        found.append(snapshot)
    return found[0], found[1]


def test_captions_that_are_no_longer_what_they_were_are_a_warning(
    workplace: Any, two_snapshots: tuple[Snapshot, Snapshot]
) -> None:
    before, _ = two_snapshots
    check = checked(workplace, "text_signals")["distribution_is_stable"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert f"otherwise than in {before}" in check.description
    assert re.search(r"characters \(\d\.\d\d; median 1\d, now 6\d\)", check.description)
    assert check.metadata["compared_with"].value == str(before)
    assert checked(workplace, "image_signals")["distribution_is_stable"].passed


def test_the_threshold_of_drift_is_a_setting(workplace: Any, two_snapshots: tuple[Snapshot, Snapshot]) -> None:
    assert len(set(two_snapshots)) == 2
    assert checked(workplace, "text_signals", threshold=50.0)["distribution_is_stable"].passed


def test_one_check_of_a_family_can_be_run_alone(workplace: Any) -> None:
    workplace.materialize(*MADE)
    key = dg.AssetCheckKey(dg.AssetKey("image_signals"), "values_are_in_range")
    result = dg.materialize(
        [*MADE, *signals.CHECKS],
        selection=dg.AssetSelection.checks(key),
        instance=workplace.instance,
        resources=workplace.resources,
    )
    assert [check.check_name for check in result.get_asset_check_evaluations()] == ["values_are_in_range"]


def test_families_that_are_linked_from_an_older_snapshot_have_no_speed(workplace: Any, figures: Figures) -> None:
    workplace.materialize(*MADE)
    layout = workplace.corpora.layout
    other = Snapshot(corpus="tiny", snapshot="same")
    source, target = (local_path(layout.shards(one)) for one in (workplace.snapshot, other))
    target.mkdir(parents=True)
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    workplace.instance.add_dynamic_partitions("snapshots", [key_of(other)])
    result = dg.materialize(
        [shards.shards, signals.signals],
        selection=dg.AssetSelection.assets("image_signals"),
        instance=workplace.instance,
        resources=workplace.resources,
        partition_key=key_of(other),
    )
    page = figures(result, "image_signals")
    assert (page["num_shards_measured"], page["num_shards_reused"]) == (0, 1)
    assert "samples_per_second" not in page
