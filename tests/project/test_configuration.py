"""Do the files that configure this project agree with each other?"""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
LOCKED = [Requirement(line.rstrip(" \\")) for line in LOCK.splitlines() if re.match(r"[A-Za-z0-9]", line)]
WANTED = [
    Requirement(text)
    for group in (PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"].values())
    for text in group
]


def test_workspace_and_dg_load_the_same_module_under_the_same_name() -> None:
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    settings = PROJECT["tool"]["dg"]["project"]
    assert location["python_module"] == {
        "module_name": settings["code_location_target_module"],
        "working_directory": ".",
        "location_name": settings["code_location_name"],
    }


def test_nothing_overrules_the_workspace() -> None:
    assert "dagster" not in PROJECT["tool"]


def test_dagster_yaml_tells_nobody_anything() -> None:
    for name in ("dagster.yaml", "terminal.yaml"):
        settings = yaml.safe_load((ROOT / "infra" / "dagster" / name).read_text())
        assert settings["telemetry"] == {"enabled": False}, name


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_the_lock_holds_a_version_that_is_wanted(wanted: Requirement) -> None:
    found = [pin for pin in LOCKED if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
    assert found, f"{wanted.name} is not locked. Run: make lock"
    for pin in found:
        (version,) = [clause.version for clause in pin.specifier]
        assert wanted.specifier.contains(version), f"locked {version}, wanted {wanted}. Run: make lock"


def test_the_lock_pins_every_package_by_version_and_hash_and_names_no_place() -> None:
    assert all([clause.operator for clause in pin.specifier] == ["=="] for pin in LOCKED)
    blocks = re.split(r"\n(?=[A-Za-z0-9])", LOCK.strip())
    assert len(blocks) == len(LOCKED)
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert not re.search(r"://|file:|--(index|find)|@ ", LOCK)


def test_torch_and_torchvision_are_a_matching_pair() -> None:
    """torchvision 0.N belongs to torch 2.(N - 15)."""
    versions = {pin.name: next(iter(pin.specifier)).version for pin in LOCKED if pin.name in ("torch", "torchvision")}
    torch, vision = (versions[name].split(".") for name in ("torch", "torchvision"))
    assert (torch[0], vision[0]) == ("2", "0")
    assert int(vision[1]) == int(torch[1]) + 15


def test_the_supported_pythons_are_the_ones_we_say() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.14"
    assert (3, 11) <= sys.version_info[:2] < (3, 14)
    assert PROJECT["tool"]["mypy"]["python_version"] == "3.11"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"


def test_every_package_of_the_wheel_is_checked_for_types_and_layers() -> None:
    packages = sorted(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert packages == sorted(PROJECT["tool"]["mypy"]["packages"])
    assert packages == sorted(PROJECT["tool"]["importlinter"]["root_packages"])


def test_the_layers_are_checked_exhaustively() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    (order,) = [
        contract["layers"] for contract in contracts if contract["type"] == "layers" and "containers" not in contract
    ]
    assert order == ["assets", "mmmodels", "pipelines"]
    exhaustive = [contract["containers"] for contract in contracts if contract.get("exhaustive")]
    assert sorted(name for names in exhaustive for name in names) == sorted(order)
