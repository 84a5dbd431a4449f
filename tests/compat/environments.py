"""An environment of its own for each foreign reader: made from `requirements/<name>.txt` when first asked for."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OURS = "ours"
"""The environment that the tests run in."""
CACHE = HERE.parents[1] / ".venv" / "compat"
"""Ignored by git; may be deleted at any time."""
_STAMP = "requirements.sha256"
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "WANDB_MODE": "disabled",
    "TOKENIZERS_PARALLELISM": "false",
}


class EnvironmentFailed(RuntimeError):  # noqa: N818 - what happened, as pytest prints it
    """A reader's environment could not be made, so nothing was proven."""


def python_of(name: str) -> Path:
    """The interpreter of an environment; made where it is missing or its requirements are others now."""
    if name == OURS:
        return Path(sys.executable)
    requirements = HERE / "requirements" / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    folder = CACHE / name
    stamp = folder / _STAMP
    if not stamp.exists() or stamp.read_text() != digest:
        _make(folder, requirements, digest)
    return folder / "bin" / "python"


def _make(folder: Path, requirements: Path, digest: str) -> None:
    """Aside, then renamed: one that was interrupted is made again."""
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        for command in _commands(aside, requirements):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise EnvironmentFailed(
                    f"{requirements.name}: its environment cannot be made ({' '.join(command)}: exit "
                    f"{done.returncode}, {done.stderr.strip()[-800:]}). It needs the package index once; without a "
                    "network leave these tests out: -m 'not compat'."
                )
        (aside / _STAMP).write_text(digest)
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _commands(folder: Path, requirements: Path) -> list[list[str]]:
    """The whole list is exact, so nothing is resolved; uv links from its cache where it can, pip copies."""
    python = str(folder / "bin" / "python")
    if uv := shutil.which("uv"):
        return [
            [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [uv, "pip", "sync", "--quiet", "--python", python, str(requirements)],
        ]
    return [
        [sys.executable, "-m", "venv", str(folder)],
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(requirements)],
    ]


def run_reader(name: str, *arguments: object, environment: str = "", home: Path) -> Any:
    """What `readers/<name>.py` prints as JSON on its last line, run by the environment's own interpreter."""
    return _printed(HERE / "readers" / f"{name}.py", arguments, environment or name, home)


def run_writer(name: str, *arguments: object, environment: str = "", home: Path) -> Any:
    """The same of `writers/<name>.py`."""
    return _printed(HERE / "writers" / f"{name}.py", arguments, environment or name, home)


def _printed(script: Path, arguments: Sequence[object], environment: str, home: Path) -> Any:
    done = run(environment, script, *arguments, home=home)
    if done.returncode:
        raise AssertionError(f"{script.name}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run(environment: str, *arguments: object, home: Path) -> "subprocess.CompletedProcess[str]":
    """`python ARGUMENTS` in an environment; what it caches goes below `home`, nothing of ours is on its path."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    variables |= _OFFLINE | {"HOME": str(home), "HF_HOME": str(home / "hf"), "WIDS_CACHE": str(home / "wids")}
    command = [str(python_of(environment)), "-P", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables, cwd=home, timeout=300)
