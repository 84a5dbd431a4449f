"""Everything a run needs to go on: weights, optimiser, position, curve; loaded with weights_only.

The state is whole: the same for every number of ranks and whether the weights were sharded or not.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmmodels.errors import CheckpointError
from mmmodels.training.averaging import WeightAverage
from mmmodels.training.distributing import load_whole_state, whole_state

STATE = "state.pt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumed:
    """What the loop goes on with, beside the weights."""

    data: Mapping[str, int | str]
    """The state of the plan."""
    curve: list[dict[str, float]]


def save_state(
    folder: Path | None,
    *,
    run_key: str,
    data: Mapping[str, int | str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None,
    curve: list[dict[str, float]],
) -> None:
    """Every rank calls this, those without a folder write nothing. `data` is the whole state of the data."""
    state = {"run_key": run_key, "data": dict(data), "curve": curve, **whole_state(model, optimizer, average)}
    if folder is not None:
        torch.save(state, folder / STATE)


def load_state(
    folder: Path,
    *,
    run_key: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None,
) -> Resumed:
    """Restore into model, optimiser and average."""
    path = folder / STATE
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error}). Delete this checkpoint's folder; the one before it is used."
        ) from error
    if state["run_key"] != run_key:
        raise CheckpointError(
            f"{path}: belongs to run {state['run_key']}, expected {run_key}. Use the folder of this run, or delete it."
        )
    load_whole_state(model, optimizer, average, state)
    return Resumed(data=state["data"], curve=list(state["curve"]))
