"""Views declared in a file, what a materialized view says of itself, and its checks: each passes and each fails."""

import re
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from assets import curation, shards, signals, sources
from assets.accepted import accepted_view
from assets.declared import find_declared, load_declared
from assets.partitions import VIEWS, key_of
from assets.requirements import Requirements
from assets.sensors import views_declared
from assets.view_checks import JUDGES, checks_of
from pipelines import storage
from pipelines.curation.contamination import declared_sets
from pipelines.curation.views import open_view
from pipelines.errors import PolicyError
from pipelines.signals.measuring import measure

Figures = Callable[[dg.ExecuteInProcessResult, str], dict[str, Any]]
MADE = [sources.source_records, shards.shards, signals.signals, curation.duplicates, curation.curated_view]
CHECKS = [checks_of(curation.curated_view)]
SMALL = Requirements(min_training_samples=1, min_evaluation_samples=0)


@pytest.fixture
def measured(workplace: Any) -> Any:
    """Packed and measured, as the assets above would leave it."""
    result = workplace.materialize(sources.source_records, shards.shards)
    assert result.success
    measure(workplace.corpora.layout, workplace.snapshot, num_workers=1)
    return workplace


def curate(workplace: Any, requirements: Requirements = SMALL, **config: Any) -> dg.ExecuteInProcessResult:
    """The curated view of the tiny corpus, with its checks."""
    return dg.materialize(
        [*MADE, *CHECKS],
        selection=dg.AssetSelection.assets(curation.curated_view),
        instance=workplace.instance,
        resources={**workplace.resources, "requirements": requirements},
        partition_key=key_of(workplace.snapshot),
        run_config=dg.RunConfig(ops={"curated_view": curation.PolicyConfig(**config)}) if config else None,
        raise_on_error=False,
    )


def declared(workplace: Any, name: str, text: str, requirements: Requirements = SMALL) -> dg.ExecuteInProcessResult:
    """A view with its checks, as an engineer declares and materializes it."""
    workplace.corpora.views_file.write_text(text)
    workplace.instance.add_dynamic_partitions(str(VIEWS.name), [name])
    return dg.materialize(
        [*MADE, curation.declared_view, checks_of(curation.declared_view)],
        selection=dg.AssetSelection.assets(curation.declared_view),
        instance=workplace.instance,
        resources={**workplace.resources, "requirements": requirements},
        partition_key=name,
        raise_on_error=False,
    )


def checks(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def failed(result: dg.ExecuteInProcessResult) -> list[str]:
    return sorted(name for name, check in checks(result).items() if not check.passed)


def test_a_view_says_what_each_rule_did_and_where_its_card_is(measured: Any, figures: Figures) -> None:
    found = figures(curate(measured), "curated_view")
    assert found["headline"] == "12 of 12 samples kept by tiny-default"
    assert found["since_last"] == "the first materialization of this partition"
    assert storage.exists(found["data_card"])
    assert found["snapshots"] == str(measured.snapshot)
    again = figures(curate(measured), "curated_view")
    assert again["since_last"] == "the same view as before"


def test_a_view_says_what_changed_since_the_last_one_and_by_which_rule(measured: Any, figures: Figures) -> None:
    curate(measured)
    found = figures(curate(measured, params={"min_characters": "4"}), "curated_view")
    assert found["since_last"] == "0 added, 3 removed, 9 in both"
    assert re.search(r"removed \| too\\_few\\_characters \| 3 ", found["changes"])
    assert "too" in found["funnel"]
    back = figures(curate(measured), "curated_view")
    assert (back["num_added"], back["num_removed"]) == (3, 0)


def test_a_good_view_passes_every_check(measured: Any) -> None:
    result = curate(measured)
    assert set(checks(result)) == set(JUDGES)
    assert failed(result) == []
    for check in checks(result).values():
        assert check.description
        assert check.blocking
        assert check.metadata["partition"].value == key_of(measured.snapshot)


def test_samples_that_nobody_measured_stand_in_the_way(measured: Any) -> None:
    storage.remove(measured.corpora.layout.signal("text@2", measured.snapshot, 0))
    storage.remove(measured.corpora.layout.measured("text@2", measured.snapshot))
    result = curate(measured, allow_not_measured=True)
    assert "everything_is_measured" in failed(result)
    said = checks(result)["everything_is_measured"].description
    assert "12 of 12 samples" in said
    assert "Materialize the signals" in said
    assert "everything_is_measured" not in failed(
        curate(measured, SMALL.but({"max_unmeasured_share": 1.0}, of="x"), allow_not_measured=True)
    )


def test_a_sample_of_a_declared_evaluation_set_stands_in_the_way(measured: Any, figures: Figures) -> None:
    first = figures(curate(measured), "curated_view")
    digest = storage.names(measured.corpora.layout.view(first["view"], ""))[0]
    view = open_view(measured.corpora.layout, first["view"], digest)
    declared(measured, "exam", '[exam]\ncorpora = ["tiny"]\npurpose = "evaluation"\n')
    assert [one.view for one in declared_sets(measured.corpora.layout)] == ["exam"]
    alone = dg.materialize(
        [*MADE, *CHECKS],
        selection=dg.AssetSelection.checks_for_assets(curation.curated_view),
        instance=measured.instance,
        resources={**measured.resources, "requirements": SMALL},
        raise_on_error=False,
    )
    assert view.manifest["num_kept"] == 12
    assert failed(alone) == ["no_contamination"]
    said = checks(alone)["no_contamination"]
    assert "11 kept samples" in said.description
    assert "exam/" in said.description
    assert "Materialize the view again" in said.description
    again = curate(measured, SMALL.but({"min_training_samples": 0}, of="x"))
    assert "no_contamination" not in failed(again)
    assert figures(again, "curated_view")["num_dropped_by_fault"] == {"contaminated": 11}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"min_training_samples": 1000}, "train samples, at least 1,000"),
        ({"min_evaluation_samples": 99}, "at least 99"),
    ],
)
def test_a_view_that_is_too_small_stands_in_the_way(measured: Any, wanted: dict[str, int], said: str) -> None:
    result = curate(measured, SMALL.but(wanted, of="x"))
    assert failed(result) == ["view_is_large_enough"]
    assert said in checks(result)["view_is_large_enough"].description


def test_licences_that_are_unknown_or_not_allowed_stand_in_the_way(measured: Any) -> None:
    assert failed(curate(measured, SMALL.but({"min_licensed_share": 1.0}, of="x"))) == []
    result = curate(measured, SMALL.but({"allowed_licenses": ["CC-BY-4.0"]}, of="x"))
    assert failed(result) == ["licences_are_covered"]
    assert "CC0" in checks(result)["licences_are_covered"].description
    assert failed(curate(measured, SMALL.but({"allowed_licenses": ["CC0-1.0"]}, of="x"))) == []


def test_samples_without_a_licence_stand_in_the_way_where_that_is_asked_for(workplace: Any) -> None:
    for path in workplace.folder.rglob("*.json"):
        path.write_text('{"license": "unknown", "voice": "tone"}')
    corpora = workplace.corpora
    found = corpora.corpus("tiny")
    workplace.instance.add_dynamic_partitions("snapshots", [key_of(corpora.present(found))])
    moved = type(workplace)(
        corpora=corpora, instance=workplace.instance, snapshot=corpora.present(found), folder=workplace.folder,
        resources=workplace.resources,
    )  # fmt: skip
    moved.materialize(sources.source_records, shards.shards)
    measure(corpora.layout, moved.snapshot, num_workers=1)
    assert failed(curate(moved)) == []
    result = curate(moved, SMALL.but({"min_licensed_share": 0.5}, of="x"))
    assert failed(result) == ["licences_are_covered"]
    assert "12 of 12 kept samples (100.00%) have no known licence" in checks(result)["licences_are_covered"].description


STRICT = SMALL.but({"max_stability_index": 0.0001, "min_training_samples": 0}, of="x")


def test_a_view_that_drifted_stands_in_the_way_until_it_is_meant(
    measured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.reporting.shifting.by_chance", lambda *_: 0.0)
    monkeypatch.setattr("pipelines.signals.drifting.by_chance", lambda *_: 0.0)
    layout = measured.corpora.layout
    assert failed(curate(measured, STRICT)) == []
    first = accepted_view(layout, "curated_view", "tiny")
    for _ in range(2):  # what did not pass is no standard for the next
        result = curate(measured, STRICT, params={"min_characters": "4"})
        assert failed(result) == ["population_is_stable"]
        said = checks(result)["population_is_stable"].description
        assert "characters" in said
        assert "requirements.max_stability_index" in said
        assert accepted_view(layout, "curated_view", "tiny") == first
    meant = STRICT.but({"max_stability_index": 1e9}, of="x")
    assert failed(curate(measured, meant, params={"min_characters": "4"})) == []
    assert accepted_view(layout, "curated_view", "tiny") != first
    assert failed(curate(measured, STRICT, params={"min_characters": "4"})) == []


def test_what_chance_explains_is_no_drift(measured: Any) -> None:
    assert failed(curate(measured, STRICT)) == []
    assert failed(curate(measured, STRICT, params={"min_characters": "4"})) == []


def test_a_declared_view_is_over_what_the_file_says(measured: Any, figures: Figures) -> None:
    text = (
        '[short]\ncorpora = ["tiny"]\nparams = { max_characters = 3 }\n[short.requirements]\nmin_training_samples = 1\n'
    )
    result = declared(measured, "short", text, Requirements(min_evaluation_samples=0))
    assert failed(result) == []
    assert figures(result, "declared_view")["headline"] == "3 of 12 samples kept by short"
    changed = declared(measured, "short", text.replace("= 3", "= 5"), Requirements(min_evaluation_samples=0))
    assert figures(changed, "declared_view")["since_last"].endswith("0 removed, 3 in both")


def test_a_declaration_has_requirements_of_its_own(measured: Any) -> None:
    text = '[big]\ncorpora = ["tiny/{}"]\n[big.requirements]\nmin_training_samples = 5000\nmin_evaluation_samples = 0\n'
    result = declared(measured, "big", text.replace("{}", measured.snapshot.snapshot))
    assert failed(result) == ["view_is_large_enough"]
    wrong = declared(measured, "big", text.replace("{}", measured.snapshot.snapshot).replace("5000", '"many"'))
    assert not wrong.success


def test_partitions_are_what_the_file_declares(workplace: Any) -> None:
    def look() -> list[str]:
        context = dg.build_sensor_context(instance=workplace.instance, resources={"corpora": workplace.corpora})
        found = views_declared(context)
        assert isinstance(found, dg.SensorResult)
        for request in found.dynamic_partitions_requests or []:
            keys = list(request.partition_keys)
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                workplace.instance.add_dynamic_partitions(request.partitions_def_name, keys)
            else:
                for key in keys:
                    workplace.instance.delete_dynamic_partition(request.partitions_def_name, key)
        return sorted(workplace.instance.get_dynamic_partitions(str(VIEWS.name)))

    assert look() == []
    workplace.corpora.views_file.write_text('[one]\ncorpora = ["tiny"]\n[two]\ncorpora = ["tiny"]\n')
    assert look() == ["one", "two"]
    workplace.corpora.views_file.write_text('[two]\ncorpora = ["tiny"]\n')
    assert look() == ["two"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a", "not TOML"),
        ("[a]\n", "corpora = None"),
        ('[a]\ncorpora = "tiny"\n', "Name at least one"),
        ('[a]\ncorpora = ["tiny"]\npolcy = "x"\n', "Did you mean policy"),
        ('[a]\ncorpora = ["tiny"]\npurpose = "exam"\n', "training, evaluation"),
        ('["A b"]\ncorpora = ["tiny"]\n', "not a name"),
        ("a = 3\n", "not a view"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_what_to_do(tmp_path: Any, text: str, said: str) -> None:
    path = tmp_path / "views.toml"
    path.write_text(text)
    with pytest.raises(PolicyError, match=re.escape(said)):
        load_declared(path)


def test_a_view_that_is_not_declared_and_a_corpus_that_is_not_there_are_named(measured: Any) -> None:
    path = measured.corpora.views_file
    path.write_text('[photos]\ncorpora = ["tinny"]\n')
    with pytest.raises(PolicyError, match="Did you mean photos"):
        find_declared(path, "photo")
    with pytest.raises(PolicyError, match=r"tinny is not packed .* tiny"):
        find_declared(path, "photos").snapshots(measured.corpora.layout)


def test_of_two_snapshots_the_one_planned_last_is_meant(measured: Any) -> None:
    path = measured.corpora.views_file
    path.write_text('[a]\ncorpora = ["tiny"]\npolicy = "mine.sql"\n')
    found = find_declared(path, "a")
    assert found.snapshots(measured.corpora.layout) == [measured.snapshot]
    assert found.policy == str(path.parent / "mine.sql")
