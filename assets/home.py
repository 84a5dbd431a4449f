"""The folder everything of one machine lives under: data, Dagster's and MLflow's databases, caches, logs."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StorageError

INSTANCE_FILES = Path(__file__).parents[1] / "infra" / "dagster"
QUIET = {
    "HF_HUB_OFFLINE": "1",  # weights come from the shards, never from a hub
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default; else every start warns
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}
"""Nothing here asks the network or tells anybody anything, unless the user has set it otherwise."""


def quieten(environment: MutableMapping[str, str]) -> None:
    """Set the switches of QUIET that nobody has set."""
    for name, value in QUIET.items():
        environment.setdefault(name, value)


@dataclass(frozen=True, slots=True)
class Home:
    """`TRIVIUM_HOME`: an absolute folder and the places in it."""

    path: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Home":
        """The folder that the environment names, or `.trivium` where the command was started."""
        return cls(Path(environment.get("TRIVIUM_HOME") or ".trivium").expanduser().absolute())

    @property
    def root(self) -> Path:
        return self.path / "root"

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def mlflow(self) -> Path:
        return self.path / "mlflow"

    @property
    def cache(self) -> Path:
        return self.path / "cache"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def catalog(self) -> Path:
        """Folders that were named on the command line, so that a schedule or the UI finds them again."""
        return self.path / "corpora.toml"

    @property
    def views(self) -> Path:
        """Views that engineers declare, one partition of `declared_view` each; see `declared.py`."""
        return self.path / "views.toml"

    @property
    def services(self) -> Path:
        """Addresses and process ids of what `make ui` started."""
        return self.path / "services.json"

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.mlflow / 'mlflow.db'}"

    @property
    def artifact_root(self) -> str:
        return (self.mlflow / "artifacts").as_uri()

    def environment(self) -> dict[str, str]:
        """What every process of this home is started with."""
        return {"TRIVIUM_HOME": str(self.path), "DAGSTER_HOME": str(self.dagster)}

    def enter(self, environment: MutableMapping[str, str]) -> None:
        """Set the variables that Dagster, MLflow and Ray read."""
        environment.update(self.environment())
        quieten(environment)

    def prepare(self) -> None:
        """Make the folders and the Dagster instance's files; `StorageError` where that is not possible."""
        try:
            for folder in (self.root, self.dagster, self.mlflow, self.cache, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / f".probe-{os.getpid()}"
                probe.touch()
                probe.unlink()
            for name in ("dagster.yaml", "terminal.yaml"):
                if not (self.dagster / name).exists():  # a person may have changed it
                    shutil.copyfile(INSTANCE_FILES / name, self.dagster / name)
        except OSError as error:
            raise StorageError(
                f"home {self.path}: cannot be written ({error.strerror}). "
                "Free space or fix its permissions, or name another: TRIVIUM_HOME=/path/with/space"
            ) from error

    @contextmanager
    def held(self, what: str) -> Iterator[None]:
        """Hold the home for one journey; `StorageError` names the process that has it.

        A record lock, because those are not inherited: a worker that outlives a killed journey must not keep it.
        """
        with (self.path / "journey.lock").open("a+") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise StorageError(
                    f"home {self.path}: in use by {file.read().strip() or 'another process'}. "
                    "Wait for it or stop it, or name another home: TRIVIUM_HOME=/another/folder"
                ) from error
            file.truncate(0)
            file.write(f"process {os.getpid()} ({what})\n")
            file.flush()
            yield
