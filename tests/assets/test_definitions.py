"""Is the graph what we drew?"""

import dagster as dg
import pytest

from assets.definitions import defs

DRAWN = """
source_records        <-
shards                <- source_records
audio_signals         <- shards
fingerprints          <- shards
image_signals         <- shards
text_signals          <- shards
duplicates            <- fingerprints
declared_view         <- audio_signals duplicates fingerprints image_signals text_signals
curated_view          <- audio_signals duplicates fingerprints image_signals text_signals
aligner               <- curated_view
aligner_report        <- aligner curated_view
classifier            <- aligner curated_view
classifier_report     <- classifier curated_view
registered_aligner    <- aligner aligner_report
registered_classifier <- classifier classifier_report
champion_aligner      <- registered_aligner
alignment_signals     <- champion_aligner curated_view
finetuned_model       <- aligner curated_view
evaluation_report     <- curated_view finetuned_model
aligned_view          <- alignment_signals audio_signals duplicates fingerprints image_signals text_signals
"""
CHECKS = """
aligned_view       everything_is_measured   blocking
aligned_view       licences_are_covered     blocking
aligned_view       no_contamination         blocking
aligned_view       no_leakage               blocking
aligned_view       population_is_stable     blocking
aligned_view       view_is_large_enough     blocking
audio_signals      distribution_is_stable
audio_signals      every_sample_is_measured blocking
audio_signals      nulls_are_expected       blocking
audio_signals      values_are_in_range      blocking
curated_view       everything_is_measured   blocking
curated_view       licences_are_covered     blocking
curated_view       no_contamination         blocking
curated_view       no_leakage               blocking
curated_view       population_is_stable     blocking
curated_view       view_is_large_enough     blocking
declared_view      everything_is_measured   blocking
declared_view      licences_are_covered     blocking
declared_view      no_contamination         blocking
declared_view      no_leakage               blocking
declared_view      population_is_stable     blocking
declared_view      view_is_large_enough     blocking
fingerprints       every_sample_is_measured blocking
fingerprints       nulls_are_expected       blocking
image_signals      distribution_is_stable
image_signals      every_sample_is_measured blocking
image_signals      nulls_are_expected       blocking
image_signals      values_are_in_range      blocking
registered_aligner gate                     blocking
shards             few_failures
shards             keys_are_unique          blocking
shards             licences_are_known
shards             nobody_objected          blocking
shards             shards_are_intact        blocking
text_signals       distribution_is_stable
text_signals       every_sample_is_measured blocking
text_signals       nulls_are_expected       blocking
text_signals       values_are_in_range      blocking
"""
STAGES = {"sources", "shards", "signals", "curation", "training", "evaluation", "registry", "alignment"}

GRAPH = defs.resolve_asset_graph()
SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_the_graph_is_the_one_that_is_drawn() -> None:
    drawn = {}
    for line in DRAWN.strip().splitlines():
        asset, _, above = line.partition("<-")
        drawn[asset.strip()] = sorted(above.split())
    found = {name: sorted(dep.asset_key.to_user_string() for dep in spec.deps) for name, spec in SPECS.items()}
    assert found == drawn


def test_the_checks_are_the_ones_that_are_listed() -> None:
    found = [
        (key.asset_key.to_user_string(), key.name, *(["blocking"] if GRAPH.get_check_spec(key).blocking else []))
        for key in GRAPH.asset_check_keys
    ]
    assert sorted(found) == [tuple(line.split()) for line in CHECKS.strip().splitlines()]


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_asset_says_what_it_is_whose_it_is_and_which_stage_it_belongs_to(name: str) -> None:
    spec = SPECS[name]
    assert spec.description
    assert len(spec.description.split()) >= 8
    assert spec.group_name in STAGES
    assert spec.owners
    assert all(owner.startswith("team:") for owner in spec.owners)
    assert spec.kinds
    assert spec.code_version
    # Of a corpus at one moment, or of a task's recipe over it.
    assert isinstance(spec.partitions_def, dg.DynamicPartitionsDefinition | dg.MultiPartitionsDefinition)


def test_every_check_says_what_it_asks() -> None:
    for key in GRAPH.asset_check_keys:
        assert GRAPH.get_check_spec(key).description, key


def test_the_journey_is_everything_but_what_has_partitions_of_its_own() -> None:
    job = defs.resolve_job_def("journey")
    others = {"declared_view", "finetuned_model", "evaluation_report"}
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(SPECS) - others
    checked = {key.asset_key.to_user_string() for key in job.asset_layer.asset_graph.asset_check_keys}
    assert "declared_view" not in checked


def test_ingest_ends_before_training() -> None:
    keys = {key.to_user_string() for key in defs.resolve_job_def("ingest").asset_layer.executable_asset_keys}
    assert keys == {
        "source_records", "shards", "audio_signals", "fingerprints", "image_signals", "text_signals", "duplicates",
        "curated_view",
    }  # fmt: skip


def test_rescoring_begins_with_the_champion() -> None:
    keys = {key.to_user_string() for key in defs.resolve_job_def("rescoring").asset_layer.executable_asset_keys}
    assert keys == {"champion_aligner", "alignment_signals", "aligned_view"}


def test_definitions_are_loadable_as_dagster_validates_them() -> None:
    dg.Definitions.validate_loadable(defs)
