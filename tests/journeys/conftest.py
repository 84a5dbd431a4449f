"""Journeys as a person starts them: `python -m assets journey` in a process and a home of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.corpora import write_patterns
from tests.mmmodels.small import SMALL

# What the smallest recipes reach in eight steps is no champion's work: the gate is asked for origin and evidence only.
SETTINGS = [f"{asset}.{name}={value}" for asset in ("aligner", "classifier") for name, value in SMALL.items()]
SETTINGS += ["gate.held_out_concepts=0", "gate.held_out_languages=0", "compute.num_workers=1"]
TELL_MODULES = """
import atexit, runpy, sys
atexit.register(lambda: print("loaded:", *sorted({"torch", "ray", "mlflow"} & set(sys.modules))))
runpy.run_module("assets", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, kw_only=True)
class Traveller:
    """Starts journeys of one corpus in one home."""

    home: Path
    corpus: Path

    def start(self, *settings: str) -> "subprocess.Popen[str]":
        """A journey under way; its output has both streams."""
        arguments = [word for setting in (*SETTINGS, *settings) for word in ("--set", setting)]
        return subprocess.Popen(
            [sys.executable, "-c", TELL_MODULES, "journey", "--corpus", str(self.corpus), *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def travel(self, *settings: str) -> tuple[int, str]:
        """Exit code and output of a journey to its end."""
        with self.start(*settings) as process:
            output, _ = process.communicate(timeout=240)
        return process.returncode, output

    def environment(self) -> dict[str, str]:
        return {**os.environ, "TRIVIUM_HOME": str(self.home)}

    def left_processes(self) -> list[str]:
        """Command lines of processes that belong to this home."""
        mark = f"TRIVIUM_HOME={self.home}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found


@pytest.fixture(scope="session")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `write_patterns`: 240 records of 120 things in two languages."""
    return write_patterns(tmp_path_factory.mktemp("corpora") / "patterns")


@pytest.fixture
def traveller(tmp_path: Path, patterns: Path) -> Traveller:
    """Nothing done yet."""
    return Traveller(home=tmp_path / "home", corpus=patterns)


@pytest.fixture(scope="session")
def travelled(tmp_path_factory: pytest.TempPathFactory, patterns: Path) -> tuple[Traveller, str]:
    """A finished journey, and what it said."""
    traveller = Traveller(home=tmp_path_factory.mktemp("journey") / "home", corpus=patterns)
    code, output = traveller.travel()
    assert code == 0, output
    return traveller, output
