"""The description of a view, as MLCommons' own package validates and follows it."""

from pathlib import Path

from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import open_view
from pipelines.reporting.croissant import croissant_json
from pipelines.shards.reading import read_sidecars
from pipelines.signals.measuring import measure
from tests.compat.corpus import Packed
from tests.compat.environments import run_reader


def test_mlcroissant_finds_no_fault_and_reads_every_record_and_every_medium(whole: Packed, home: Path) -> None:
    measure(whole.layout, whole.snapshot, num_workers=1)
    report = curate(whole.layout, [whole.snapshot], policy=load_policy("default"), view="main")
    view = open_view(whole.layout, report.view, report.digest)
    description = whole.root / "croissant.json"
    description.write_bytes(croissant_json(view, folder=str(whole.root)))
    read = run_reader("croissant", description, environment="mlcroissant", home=home)
    assert (read["version"], read["errors"], read["warnings"]) == ("1.1.1", [], [])
    assert read["name"] == f"main-{view.digest[:12]}"
    records = read_sidecars(whole.layout, whole.snapshot).to_pylist()
    found = {name: {row[f"{name}/uid"]: row for row in rows} for name, rows in read["records"].items()}
    uids = {row["uid"] for row in records}
    assert [set(rows) for rows in found.values()] == [uids] * 4
    kept = {row["uid"]: row["kept"] for row in view.verdicts(["uid", "kept"]).to_pylist()}
    assert {uid: row["verdicts/kept"] for uid, row in found["verdicts"].items()} == kept
    for row in records:
        assert found["records"][row["uid"]]["records/caption"] == row["caption"]
        assert found["images"][row["uid"]]["images/content"] == [row["width"], row["height"]]
        assert found["clips"][row["uid"]]["clips/content"] == row["audio_sha256"]
