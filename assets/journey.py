"""The whole way in one process, for a person on a terminal: `python -m assets journey`."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.home import Home
from pipelines.errors import CorpusError
from pipelines.samples import Snapshot

if TYPE_CHECKING:
    import dagster as dg

    from assets.resources import CorpusStore

FROM_TERMINAL = {"trivium/started_from": "terminal"}
INTERRUPT = "DagsterExecutionInterruptedError"
REFUSED = "DagsterAssetCheckFailedError"
GATE = "gate of registered_aligner"


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One step that did not succeed."""

    step: str
    error: str
    """Name of the exception's class; empty for a blocking check that did not pass."""
    message: str

    @property
    def is_mendable(self) -> bool:
        """Whether the message says what to do; else it is a fault of the program and the traceback matters."""
        return not self.error or self.error in _names(CorpusError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a journey came to."""

    snapshot: Snapshot
    run_id: str
    log_path: Path
    made: dict[str, dict[str, Any]]
    """Asset -> the metadata of what this run made of it."""
    failures: list[Failure] = field(default_factory=list)

    @property
    def was_interrupted(self) -> bool:
        return any(failure.error == INTERRUPT for failure in self.failures)

    @property
    def was_refused(self) -> bool:
        """Whether the gate was the only thing in the way: an answer, not a breakdown."""
        return bool(self.failures) and all(failure.step == GATE for failure in self.failures)


def travel(corpus: str, *, home: Home, settings: Mapping[str, Any] | None = None) -> Outcome:
    """Run the job `journey` on the present snapshot of a corpus; the caller holds the home.

    `settings` is run config as Dagster's launchpad would take it.
    """
    import dagster as dg

    from assets.definitions import defs
    from assets.partitions import SNAPSHOTS, key_of

    corpora: CorpusStore = dict(defs.resources or {})["corpora"]
    found = corpora.corpus(corpus)
    snapshot = corpora.present(found)
    corpora.remember(found)
    log_path = home.logs / f"journey-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
    sys.stdout.write(f"Journey of {snapshot}\n  home {home.path}\n  details in {log_path}\n")
    sys.stdout.flush()
    with dg.DagsterInstance.from_config(str(home.dagster), "terminal.yaml") as instance:
        bury_orphans(instance)
        instance.add_dynamic_partitions(str(SNAPSHOTS.name), [key_of(snapshot)])
        result = defs.resolve_job_def("journey").execute_in_process(
            instance=instance,
            partition_key=key_of(snapshot),
            run_config={**(settings or {}), "loggers": {"terminal": {"config": {"log_path": str(log_path)}}}},
            tags={**FROM_TERMINAL, "trivium/process": str(os.getpid())},
            raise_on_error=False,
        )
    return Outcome(
        snapshot=snapshot,
        run_id=result.run_id,
        log_path=log_path,
        made=dict(_made(result.all_events)),
        failures=list(_failures(result.all_events)),
    )


def bury_orphans(instance: "dg.DagsterInstance") -> None:
    """Mark the runs of killed journeys as failed: who holds the home knows that none is alive."""
    import dagster as dg

    going_on = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(statuses=going_on, tags=FROM_TERMINAL)):
        process = run.tags.get("trivium/process", "?")
        instance.report_run_failed(run, f"Process {process} was killed. A new journey goes on from where it was.")


def _made(events: "Sequence[dg.DagsterEvent]") -> Iterator[tuple[str, dict[str, Any]]]:
    for event in events:
        if event.event_type_value == "ASSET_MATERIALIZATION":
            materialization = event.step_materialization_data.materialization
            values = {name: value.value for name, value in materialization.metadata.items()}
            yield materialization.asset_key.to_user_string(), values


def _failures(events: "Sequence[dg.DagsterEvent]") -> Iterator[Failure]:
    for event in events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            found = event.asset_check_evaluation_data
            if found.blocking and not found.passed:
                step = f"{found.check_name} of {found.asset_key.to_user_string()}"
                yield Failure(step=step, error="", message=found.description or "the check did not pass")
        elif event.event_type_value == "STEP_FAILURE":
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            name = str(error.cls_name).rpartition(".")[2] if error else "unknown"
            message = error.message.strip().partition(": ")[2] if error else ""
            if name != REFUSED:  # its check has said why
                yield Failure(step=str(event.step_key), error=name, message=message or name)


def _names(root: type[CorpusError]) -> set[str]:
    """The error tree, as far as it has been imported."""
    return {root.__name__}.union(*(_names(kind) for kind in root.__subclasses__()))
