"""The gate: may this model become the champion? Every rule leaves one line with its numbers, passed or not.

Not worse than the champion means non-inferior: the lower bound of the paired difference lies above minus the margin, so
the burden of proof is the challenger's. A model that is truly worse by the margin passes one such rule with a
probability of at most 1 - confidence, however many rules there are, since it must pass them all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

import pyarrow as pa

from mmmodels.errors import GateError
from mmmodels.registry.bootstrap import Resampling, paired_difference
from pipelines.storage import read_json, read_table

PROVENANCE = ("run_key", "view_digest", "snapshot", "code_version", "recipe")
NOT_HERE = "not in this corpus"
DIGESTS = ("evaluation_digest", "protocol_digest")
"""Two models are compared on the same samples, in the same way, or not at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """The mean of the metrics that match must reach a value."""

    metrics: str
    """Pattern of metric names: `*` stands for anything."""
    at_least: float
    unit: Literal["times_chance", "absolute"] = "times_chance"
    num_metrics: int = 1
    """How many must match; 0 lets a corpus pass that has none of them (one language, no voices)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """What each of the metrics that match may be at most, such as a gap between groups or a rate of flagged words."""

    metrics: str
    at_most: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Protected:
    """What may not get worse by more than the margin: the mean of the metrics that match, or each by itself."""

    metrics: str
    margin: float
    each: bool = False
    num_metrics: Literal[0, 1] = 1
    """0 lets a corpus pass that has none of them; the two reports asked the same questions, or are not compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateConfig:
    """What a model must reach."""

    floors: tuple[Floor, ...] = (
        Floor(metrics="held_out_concept/*/r_at_10", at_least=2.0, num_metrics=2),
        Floor(metrics="held_out_language/*/r_at_1", at_least=10.0, num_metrics=0),
    )
    """Compared with the lower ends of the metrics' intervals."""
    protected: tuple[Protected, ...] = (
        Protected(metrics="held_out_concept/*/r_at_10", margin=0.03),
        Protected(metrics="held_out_concept/*/r_at_10", margin=0.10, each=True),
        Protected(metrics="held_out_language/*/r_at_1", margin=0.03, num_metrics=0),
    )
    ceilings: tuple[Ceiling, ...] = ()
    """Compared with the upper ends of the metrics' intervals: that it stays below is the challenger's to show."""
    resampling: Resampling = field(default_factory=Resampling)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is known of one model: its evaluation, and for a challenger where it comes from."""

    report: Mapping[str, Any]
    queries: pa.Table
    provenance: Mapping[str, Any] = field(default_factory=dict)
    leaks: Sequence[str] | None = None
    """Training samples found near held-out ones; None where nobody looked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One line of a verdict."""

    name: str
    value: float | str
    threshold: float | str
    passed: bool

    def __str__(self) -> str:
        return f"{'passed' if self.passed else 'FAILED'}  {self.name}: {_text(self.value)} ({_text(self.threshold)})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Whether the model passed, why, and which two models and evaluation that is about."""

    passed: bool
    rules: tuple[Rule, ...]
    run_key: str
    model_digest: str
    evaluation_digest: str
    champion_run_key: str | None
    """Of the champion it was compared with; None where there was none."""
    is_champion: bool = False
    """The challenger is the champion, byte for byte: there is nothing to promote."""

    @property
    def failures(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if not rule.passed)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(map(str, self.rules))


def read_evidence(
    report_uri: str, *, provenance: Mapping[str, Any] | None = None, leaks: Sequence[str] | None = None
) -> Evidence:
    """The report, and the queries.parquet beside it."""
    queries = read_table(f"{report_uri.rsplit('/', 1)[0]}/queries.parquet")
    return Evidence(report=read_json(report_uri), queries=queries, provenance=provenance or {}, leaks=leaks)


def judge(challenger: Evidence, champion: Evidence | None, *, config: GateConfig | None = None) -> Verdict:
    """Hold a challenger against the floors and, where there is one, the champion; to refuse is an answer, no error."""
    config = config or GateConfig()
    is_champion = champion is not None and _digest(champion) == _digest(challenger)
    rules = (
        [Rule(name="is_champion", value="same model", threshold="nothing to do", passed=True)] if is_champion else []
    )
    if not is_champion:
        rules += [*_origin(challenger), *(_floor(challenger.report, floor) for floor in config.floors)]
        rules += [rule for ceiling in config.ceilings for rule in _ceiling(challenger.report, ceiling)]
    if champion is not None and not is_champion:
        rules += _against(challenger, champion, config)
    return Verdict(
        passed=all(rule.passed for rule in rules),
        rules=tuple(rules),
        run_key=str(challenger.report["run_key"]),
        model_digest=_digest(challenger),
        evaluation_digest=str(challenger.report["evaluation_digest"]),
        champion_run_key=str(champion.report["run_key"]) if champion else None,
        is_champion=is_champion,
    )


def _origin(challenger: Evidence) -> Iterator[Rule]:
    """Where the model comes from is known, the report is about it, and it was not trained on its evaluation."""
    absent = [name for name in PROVENANCE if not challenger.provenance.get(name)]
    yield Rule(name="provenance", value=", ".join(absent) or "complete", threshold="nothing missing", passed=not absent)
    ours, reported = str(challenger.provenance.get("run_key")), str(challenger.report["run_key"])
    yield Rule(name="report_of_this_run", value=reported, threshold=ours, passed=ours == reported)
    leaks = challenger.leaks
    found = "not checked" if leaks is None else f"{len(leaks)}: {', '.join(leaks[:3])}" if leaks else "none"
    yield Rule(name="evaluation_not_in_training", value=found, threshold="none", passed=found == "none")


def _floor(report: Mapping[str, Any], floor: Floor) -> Rule:
    found = [report["metrics"][name] for name in _matching(report, floor.metrics)]
    name = f"floor {floor.metrics} {floor.unit}"
    if not found and not floor.num_metrics:
        return Rule(name=name, value=NOT_HERE, threshold=floor.at_least, passed=True)
    if len(found) < floor.num_metrics:
        return Rule(name=name, value=f"{len(found)} metrics", threshold=f"{floor.num_metrics} metrics", passed=False)
    low = _mean(_number(metric, "low") for metric in found)
    chance = _mean(_number(metric, "chance") for metric in found) if floor.unit == "times_chance" else 1.0
    if not chance > 0:
        raise GateError(f"report: the chance of {floor.metrics} is {chance}, expected above 0. Evaluate again.")
    value = low / chance
    return Rule(name=name, value=value, threshold=floor.at_least, passed=value >= floor.at_least)


def _ceiling(report: Mapping[str, Any], ceiling: Ceiling) -> Iterator[Rule]:
    """One rule a metric; a report that lacks them all does not pass: nobody has looked."""
    found, threshold = _matching(report, ceiling.metrics), f"at most {ceiling.at_most:g}"
    if not found:
        yield Rule(name=f"ceiling {ceiling.metrics}", value="not in the report", threshold=threshold, passed=False)
    for name in found:
        high = _number(report["metrics"][name], "high")
        value = f"{_number(report['metrics'][name], 'value'):.4g}, upper end {high:.4g}"
        yield Rule(name=f"ceiling {name}", value=value, threshold=threshold, passed=high <= ceiling.at_most)


def _against(challenger: Evidence, champion: Evidence, config: GateConfig) -> Iterator[Rule]:
    same = [
        Rule(name=f"same_{name}", value=ours, threshold=theirs, passed=ours == theirs)
        for name in DIGESTS
        for ours, theirs in [(str(challenger.report[name]), str(champion.report[name]))]
    ]
    yield from same
    if all(rule.passed for rule in same):
        for protected in config.protected:
            yield from _not_worse(challenger, champion, protected, config.resampling)


def _not_worse(
    challenger: Evidence, champion: Evidence, protected: Protected, resampling: Resampling
) -> Iterator[Rule]:
    metrics = _matching(champion.report, protected.metrics)
    for group in [[name] for name in metrics] if protected.each else [metrics]:
        name = f"not_worse {group[0] if len(group) == 1 else protected.metrics}"
        if not group:
            passed = not protected.num_metrics
            yield Rule(name=name, value=NOT_HERE, threshold=-protected.margin, passed=passed)
            continue
        difference = paired_difference(challenger.queries, champion.queries, group, resampling)
        yield Rule(
            name=f"{name} ({difference.value:+.4f}, {difference.num_queries} queries)",
            value=difference.low,
            threshold=-protected.margin,
            passed=difference.low >= -protected.margin,
        )


def _matching(report: Mapping[str, Any], pattern: str) -> list[str]:
    return sorted(name for name in report["metrics"] if fnmatchcase(name, pattern))


def _number(metric: Mapping[str, Any], field_name: str) -> float:
    value = metric.get(field_name)
    if value is None:
        raise GateError(f"report: a metric without {field_name!r} ({dict(metric)}). Evaluate again.")
    return float(value)


def _mean(values: Iterator[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)


def _digest(evidence: Evidence) -> str:
    return str(evidence.report["model_digest"])


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
