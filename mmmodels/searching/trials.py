"""What is known of the trials of a search: a file for each under the root, so that a killed search goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipelines import storage

State = Literal["waiting", "running", "stopped", "finished", "failed"]


@dataclass(kw_only=True, slots=True)
class Trial:
    """One run of the recipe with settings of its own."""

    number: int
    settings: dict[str, str]
    run_key: str
    state: State = "waiting"
    reports: list[tuple[int, float]] = field(default_factory=list)
    """(step, objective) at each checkpoint."""
    error: str = ""

    @property
    def is_over(self) -> bool:
        """Nothing of it is trained again; one that failed is tried again."""
        return self.state in ("stopped", "finished")

    @property
    def last_step(self) -> int:
        return self.reports[-1][0] if self.reports else 0

    @property
    def objective(self) -> float | None:
        """The last one that was reported: that of the weights which the trial ended with."""
        return self.reports[-1][1] if self.reports else None


@dataclass(frozen=True, slots=True)
class Ledger:
    """The trials of one search, by number."""

    folder: str

    def read(self, number: int, settings: Mapping[str, str], run_key: str) -> Trial:
        """As it was left, or a new one where its code or data are others by now."""
        uri = self._uri(number)
        found: Any = storage.read_json(uri) if storage.exists(uri) else {}
        if found.get("run_key") != run_key:
            return Trial(number=number, settings=dict(settings), run_key=run_key)
        reports = [(int(step), float(value)) for step, value in found["reports"]]
        return Trial(**(found | {"reports": reports}))

    def write(self, trial: Trial) -> None:
        """Whole or not at all."""
        storage.write_json(self._uri(trial.number), asdict(trial))

    def _uri(self, number: int) -> str:
        return f"{self.folder}/trial_{number:04d}.json"


def best_of(trials: Sequence[Trial], mode: Literal["min", "max"]) -> Trial | None:
    """The finished one with the best objective; of those that were stopped only where none finished."""
    sign = 1 if mode == "min" else -1
    scored = [(trial, trial.objective) for trial in trials if trial.objective is not None]
    finished = [pair for pair in scored if pair[0].state == "finished"]
    chosen = min(finished or scored, key=lambda pair: (sign * pair[1], pair[0].number), default=None)
    return chosen[0] if chosen else None
