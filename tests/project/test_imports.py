"""What is loaded when: the code server imports the definitions again and again, and ingest nodes have no torch."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "ray", "mlflow", "open_clip", "timm", "transformers", "pandas", "onnxruntime")


def loaded_by(statement: str) -> set[str]:
    """Top-level packages in a fresh interpreter after a statement, with warnings as errors."""
    code = f"{statement}\nimport sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_definitions_load_without_any_framework() -> None:
    assert loaded_by("import assets.definitions") & set(HEAVY) == set()


@pytest.mark.parametrize("module", ["assets.journey", "assets.services", "assets.__main__"])
def test_the_driver_starts_without_dagster_and_without_any_framework(module: str) -> None:
    assert loaded_by(f"import {module}") & {*HEAVY, "dagster"} == set()


def test_the_data_engine_needs_neither_torch_nor_dagster() -> None:
    names = ["curation.curating", "signals.measuring", "shards.packing", "sources.catalog", "reporting.card"]
    loaded = loaded_by("; ".join(f"import pipelines.{name}" for name in names))
    assert loaded & {*HEAVY, "dagster"} == set()


def test_recipes_and_reports_that_are_there_need_no_torch() -> None:
    names = [
        "recipes",
        "training.launch",
        "evaluation.reports",
        "registry.gate",
        "registry.promotion",
        "registry.glance",
    ]
    assert loaded_by("; ".join(f"import mmmodels.{name}" for name in names)) & set(HEAVY) == set()
