"""A run as a person on a terminal wants to read it: one line per asset; everything else goes to a file."""

import logging
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg

DETAILS = "%(asctime)s %(levelname)s %(message)s"


class Lines(logging.Handler):
    """One line when an asset is made, a check fails or a step breaks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._started: dict[str, float] = {}
        self._made: dict[str, list[tuple[str, str]]] = {}
        self._checks: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        event: Any = getattr(record, "dagster_event", None)
        handle = self._handlers.get(event.event_type_value) if event else None
        if handle:
            handle(self, event)

    def _start(self, event: Any) -> None:
        self._started[event.step_key] = time.monotonic()

    def _make(self, event: Any) -> None:
        made = event.step_materialization_data.materialization
        said = made.metadata.get("headline")
        self._made.setdefault(event.step_key, []).append((made.asset_key.to_user_string(), said.text if said else ""))

    def _check(self, event: Any) -> None:
        found = event.asset_check_evaluation_data
        if not found.passed:
            word = "FAILED" if found.severity == dg.AssetCheckSeverity.ERROR else "warning"
            sys.stdout.write(f"  {word}: {found.check_name} of {found.asset_key.to_user_string()}\n")
            why = found.description or ", ".join(f"{name} {value.value}" for name, value in found.metadata.items())
            sys.stdout.writelines(f"    {line}\n" for line in why.splitlines())
            sys.stdout.flush()
            self._checks.add(event.step_key)

    def _succeed(self, event: Any) -> None:
        seconds = time.monotonic() - self._started[event.step_key]
        for number, (asset, said) in enumerate(self._made.pop(event.step_key, [])):
            self._write(asset, f"{seconds:.1f} s" if number == 0 else "", said)

    def _fail(self, event: Any) -> None:
        if event.step_key not in self._checks:
            seconds = time.monotonic() - self._started[event.step_key]
            self._write(event.step_key, f"{seconds:.1f} s", "FAILED")

    def _write(self, what: str, seconds: str, said: str) -> None:
        lines = said.splitlines() or [""]
        sys.stdout.write(f"  {what:<22} {seconds:>8}  {lines[0]}\n")
        sys.stdout.writelines(f"  {'':<22} {'':>8}  {line}\n" for line in lines[1:])
        sys.stdout.flush()

    _handlers = {  # noqa: RUF012 - a constant
        "STEP_START": _start,
        "ASSET_MATERIALIZATION": _make,
        "ASSET_CHECK_EVALUATION": _check,
        "STEP_SUCCESS": _succeed,
        "STEP_FAILURE": _fail,
    }


class Everything(logging.Handler):
    """The whole log in a file; opened for each record, because nobody tells a logger that its run is over."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.DEBUG)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{self.format(record)}\n")


@dg.logger(config_schema={"log_path": str}, description="One line per asset on standard output, all else in a file.")
def terminal(context: dg.InitLoggerContext) -> logging.Logger:
    """Used by the driver; a run that is started from the UI has Dagster's own logger."""
    path = context.logger_config["log_path"]
    everything = Everything(Path(path))
    everything.setFormatter(logging.Formatter(DETAILS))
    logger = logging.Logger("trivium.terminal", logging.DEBUG)
    logger.addHandler(Lines())
    logger.addHandler(everything)
    return logger
