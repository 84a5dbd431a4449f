"""Everything a run needs to go on: weights, optimiser, position, curve; loaded with weights_only."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmmodels.errors import CheckpointError

STATE = "state.pt"


def save_state(
    folder: Path, *, run_key: str, step: int, model: nn.Module, optimizer: Any, curve: list[dict[str, float]]
) -> None:
    """`step` is the number of finished steps; with the plan it is the whole state of the data."""
    state = {
        "run_key": run_key,
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "curve": curve,
    }
    torch.save(state, folder / STATE)


def load_state(folder: Path, *, run_key: str, model: nn.Module, optimizer: Any) -> tuple[int, list[dict[str, float]]]:
    """Restore into model and optimiser; give the number of finished steps and the curve so far."""
    path = folder / STATE
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error}). Delete this checkpoint's folder; the one before it is used."
        ) from error
    if state["run_key"] != run_key:
        raise CheckpointError(
            f"{path}: belongs to run {state['run_key']}, expected {run_key}. Use the folder of this run, or delete it."
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), list(state["curve"])
