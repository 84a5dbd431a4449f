import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmmodels.errors import GateError
from mmmodels.registry.gate import Ceiling, Evidence, Floor, GateConfig, Protected, judge, read_evidence
from pipelines.storage import write_json, write_table

Make = Callable[..., Evidence]


def changed(evidence: Evidence, **fields: Any) -> Evidence:
    return replace(evidence, report={**evidence.report, **fields})


def failed(verdict: Any) -> list[str]:
    return [rule.name.split(" (")[0] for rule in verdict.failures]


def test_a_first_model_above_the_floors_passes_and_its_verdict_is_json(make_evidence: Make):
    verdict = judge(make_evidence(), None)
    assert verdict.passed
    assert verdict.champion_run_key is None
    assert [rule.name.split()[0] for rule in verdict.rules] == [
        "provenance",
        "report_of_this_run",
        "evaluation_not_in_training",
        "floor",
        "floor",
    ]
    assert json.loads(json.dumps(verdict.as_json()))["rules"][0]["passed"] is True


def test_floors_compare_the_lower_ends_with_chance(make_evidence: Make):
    evidence = make_evidence(rate=0.6)
    metrics = [m for name, m in evidence.report["metrics"].items() if name.startswith("held_out_concept")]
    times = sum(m["low"] for m in metrics) / sum(m["chance"] for m in metrics)
    for factor, passes in ((0.999, True), (1.001, False)):
        floor = Floor(metrics="held_out_concept/*/r_at_10", at_least=times * factor, num_metrics=6)
        verdict = judge(evidence, None, config=GateConfig(floors=(floor,)))
        assert verdict.passed is passes
        assert verdict.rules[-1].value == pytest.approx(times)


@pytest.mark.parametrize(
    ("floor", "passes"),
    [
        (Floor(metrics="*/r_at_1", at_least=0.3, unit="absolute"), True),
        (Floor(metrics="*/r_at_1", at_least=0.7, unit="absolute"), False),
        (Floor(metrics="held_out_concept/*", at_least=1.0, num_metrics=7), False),
        (Floor(metrics="nothing/*", at_least=0.0), False),
    ],
)
def test_a_floor_holds_for_the_metrics_it_names_and_all_must_be_there(make_evidence: Make, floor: Floor, passes: bool):
    assert judge(make_evidence(), None, config=GateConfig(floors=(floor,))).passed is passes


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"provenance": {"run_key": "a1" * 16}}, "provenance"),
        ({"leaks": None}, "evaluation_not_in_training"),
        ({"leaks": ("u1 near u2",)}, "evaluation_not_in_training"),
    ],
)
def test_a_model_of_unknown_origin_or_unclean_data_is_refused(make_evidence: Make, change: dict[str, Any], rule: str):
    verdict = judge(replace(make_evidence(), **change), None)
    assert failed(verdict) == [rule]


def test_a_report_about_another_run_is_refused(make_evidence: Make):
    assert failed(judge(changed(make_evidence(), run_key="b2" * 16), None)) == ["report_of_this_run"]


def test_a_corpus_of_one_language_is_not_held_to_other_languages(make_evidence: Make):
    def without_languages(evidence: Evidence) -> Evidence:
        measured = evidence.report["metrics"].items()
        metrics = {name: m for name, m in measured if not name.startswith("held_out_language")}
        return replace(evidence, report={**evidence.report, "metrics": metrics})

    alone = judge(without_languages(make_evidence()), None)
    against = judge(without_languages(make_evidence("b2" * 16, rate=0.7)), without_languages(make_evidence()))
    assert alone.passed, str(alone)
    assert against.passed, str(against)
    assert "not in this corpus" in str(alone)


def test_a_better_model_passes_and_a_worse_one_does_not(make_evidence: Make):
    good, bad = make_evidence("b2" * 16, rate=0.7), make_evidence("a1" * 16, rate=0.5)
    better, worse = judge(good, bad), judge(bad, good)
    assert better.passed
    assert better.champion_run_key == "a1" * 16
    assert not worse.passed
    assert {name.split()[0] for name in failed(worse)} == {"not_worse"}
    assert "-0.2" in str(worse)


def test_one_direction_that_collapses_is_seen_though_the_mean_is_not_worse(make_evidence: Make):
    champion, challenger = make_evidence("a1" * 16, rate=0.5), make_evidence("b2" * 16, rate=0.6)
    collapsed = "held_out_concept/text_to_audio/r_at_10"
    rows = [row | {"hit": 0.0} if row["metric"] == collapsed else row for row in challenger.queries.to_pylist()]
    challenger = replace(challenger, queries=challenger.queries.from_pylist(rows))
    verdict = judge(challenger, champion)
    assert f"not_worse {collapsed}" in failed(verdict)


def test_the_same_model_is_champion_already(make_evidence: Make):
    verdict = judge(replace(make_evidence(), leaks=None), make_evidence())
    assert verdict.passed
    assert verdict.is_champion


@pytest.mark.parametrize("digest", ["evaluation_digest", "protocol_digest"])
def test_models_evaluated_differently_are_not_compared(make_evidence: Make, digest: str):
    champion = changed(make_evidence("b2" * 16), **{digest: "00" * 32})
    verdict = judge(make_evidence(), champion)
    assert failed(verdict) == [f"same_{digest}"]
    assert not [rule for rule in verdict.rules if rule.name.startswith("not_worse")]


def test_a_protected_metric_that_was_not_measured_fails(make_evidence: Make):
    config = GateConfig(floors=(), protected=(Protected(metrics="bias/*", margin=0.1),))
    assert failed(judge(make_evidence("b2" * 16), make_evidence(), config=config)) == ["not_worse bias/*"]


def test_a_report_without_an_interval_is_an_error(make_evidence: Make):
    evidence = make_evidence()
    metrics = {name: {"value": m["value"]} for name, m in evidence.report["metrics"].items()}
    with pytest.raises(GateError, match="without 'low'"):
        judge(changed(evidence, metrics=metrics), None)


def test_evidence_is_read_from_the_report_and_the_queries_beside_it(make_evidence: Make, tmp_path: Path):
    evidence = make_evidence()
    write_json(f"{tmp_path}/report.json", dict(evidence.report))
    write_table(f"{tmp_path}/queries.parquet", evidence.queries)
    read = read_evidence(f"{tmp_path}/report.json", provenance=evidence.provenance, leaks=())
    assert judge(read, None) == judge(evidence, None)


def test_a_ceiling_is_held_against_the_upper_end_and_the_refusal_names_the_figure(make_evidence: Make):
    challenger = make_evidence()
    gap = {"value": 0.1, "low": 0.05, "high": 0.15, "n": 100, "chance": 0.0}
    metrics = dict(challenger.report["metrics"]) | {"bias/language/worst_group_gap": gap}
    biased = changed(challenger, metrics=metrics)
    for at_most, rules in ((0.15, []), (0.12, ["ceiling bias/language/worst_group_gap"])):
        config = GateConfig(ceilings=(Ceiling(metrics="bias/*/worst_group_gap", at_most=at_most),))
        assert failed(judge(biased, None, config=config)) == rules
    verdict = judge(biased, None, config=config)
    assert "ceiling bias/language/worst_group_gap: 0.1, upper end 0.15 (at most 0.12)" in str(verdict.failures[0])


def test_a_ceiling_over_what_nobody_measured_is_not_passed(make_evidence: Make):
    config = GateConfig(ceilings=(Ceiling(metrics="bias/voice/worst_group_gap", at_most=1.0),))
    verdict = judge(make_evidence(), None, config=config)
    assert failed(verdict) == ["ceiling bias/voice/worst_group_gap"]
    assert verdict.failures[0].value == "not in the report"
