"""How much of a device's arithmetic a run uses: operations that the model needs, over what the device could do.

mfu = 3 x forward operations of a sample x samples per second / (peak of a device x devices), Chowdhery et al. 2022.
Forward operations by the formulas of `mmmodels.flops`, texts as long as their batch has them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmmodels.flops import PEAK_OPERATIONS, training_operations
from mmmodels.recipes import MODALITIES, Recipe

if TYPE_CHECKING:
    from mmmodels.alignment.batch import Batch

FORMULA = "training FLOP of the samples (3 x forward, mmmodels/flops.py) per second / (peak FLOP/s x workers)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Peak:
    """Operations per second of one worker's device; None where nobody says."""

    operations: float | None
    source: str

    @property
    def told(self) -> str:
        """For a reader of the run."""
        if self.operations is None:
            return f"not known of {self.source}: give training.peak_teraflops for an MFU"
        return f"{self.operations / 1e12:g} TFLOP/s ({self.source})"


def peak_of(recipe: Recipe, device_name: str | None) -> Peak:
    """What the recipe gives, else the data sheet of an accelerator of this name; none is known of processors."""
    if recipe.training.peak_teraflops > 0:
        return Peak(operations=recipe.training.peak_teraflops * 1e12, source="training.peak_teraflops")
    if device_name is None:
        return Peak(operations=None, source="this processor")
    words = device_name.upper().replace("-", " ").replace("80GB HBM3", "SXM").split()
    for name, operations in PEAK_OPERATIONS.items():
        if set(name.upper().split()) <= set(words):
            return Peak(operations=operations, source=f"{name}, dense bf16")
    return Peak(operations=None, source=device_name)


def counter_of(recipe: Recipe) -> Callable[["Batch"], float] | None:
    """Training operations of one rank's batch; None for tasks whose models have no formula."""
    if recipe.task != "align":
        return None
    known: dict[tuple[tuple[str, ...], int | None], float] = {}

    def operations(batch: "Batch") -> float:
        modalities = tuple(name for name in MODALITIES if name in batch.media)
        tokens = int(batch.media["text"].shape[1]) if "text" in modalities else None
        key = modalities, tokens
        if key not in known:
            known[key] = training_operations(recipe.model, modalities, text_tokens=tokens)
        return known[key] * len(batch.groups_B)

    return operations
