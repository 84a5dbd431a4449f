"""Settings on the command line, `--set WHAT.NAME=VALUE`, as the run config that Dagster's launchpad takes."""

from collections.abc import Sequence
from typing import Any

from mmmodels.errors import RecipeError

OVERRIDES = {"aligner": "overrides", "classifier": "overrides", "curated_view": "params", "aligned_view": "params"}
"""Asset -> the field of its config that holds named values: a recipe's settings, a policy's parameters."""
CONFIGS = ("shards",)
"""Assets whose config has fields of its own."""
RESOURCES = ("gate", "compute", "requirements")


def run_config_of(settings: Sequence[str]) -> dict[str, Any]:
    """`aligner.training.num_steps=50`, `curated_view.min_pixels=64`, `gate.held_out_concepts=1.5`,
    `shards.max_failure_rate=0.2`."""
    config: dict[str, Any] = {"ops": {}, "resources": {}}
    for setting in settings:
        name, equals, value = setting.partition("=")
        what, _, key = name.partition(".")
        if not (equals and key and what in (*OVERRIDES, *CONFIGS, *RESOURCES)):
            known = ", ".join((*OVERRIDES, *CONFIGS, *RESOURCES))
            raise RecipeError(f"--set {setting}: expected WHAT.NAME=VALUE, with WHAT one of {known}.")
        if what in RESOURCES:
            config["resources"].setdefault(what, {"config": {}})["config"][key] = _number(setting, value)
        elif what in CONFIGS:
            config["ops"].setdefault(what, {"config": {}})["config"][key] = _packing_value(setting, key, value)
        else:
            fields = config["ops"].setdefault(what, {"config": {OVERRIDES[what]: {}}})["config"]
            fields[OVERRIDES[what]][key] = value
    return config


def _packing_value(setting: str, key: str, value: str) -> float | int | bool | str:
    from assets.packing import ShardsConfig

    known = ShardsConfig.model_fields
    if key not in known:
        raise RecipeError(f"--set {setting}: no setting of shards. Known are {', '.join(sorted(known))}.")
    if key == "media_check":
        return value
    words = {"true": True, "false": False}
    return words[value.lower()] if value.lower() in words else _number(setting, value)


def _number(setting: str, value: str) -> float | int:
    try:
        return int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError as error:
        raise RecipeError(f"--set {setting}: expected a number. Give one.") from error
