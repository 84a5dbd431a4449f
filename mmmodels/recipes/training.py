"""How a recipe is trained, and the recipe as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmmodels.errors import RecipeError
from mmmodels.recipes.detection import DetectionConfig
from mmmodels.recipes.fusion import FusionConfig
from mmmodels.recipes.generator import GeneratorConfig
from mmmodels.recipes.loading import LoadingConfig
from mmmodels.recipes.model import ModelConfig
from mmmodels.recipes.reconstruction import ReconstructionConfig
from mmmodels.recipes.speech import SpeechConfig
from mmmodels.recipes.tuning import TuningConfig

TaskWord = Literal[
    "align", "classify", "caption", "transcribe", "sentiment", "detect", "subtitle", "reconstruct"
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """One loop for every task."""

    seed: int = 0
    num_steps: int = 800
    batch_size: int = 256
    """Samples of a step over all ranks together."""
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    """Not on biases, norms and scales."""
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-8
    schedule: Literal["cosine", "wsd"] = "cosine"
    """After the warm-up: half a cosine to zero, or constant and then linear to zero (warm-up, stable, decay)."""
    decay_share: float = 0.2
    """Of `wsd`: the last share of the steps, in which the rate falls."""
    warmup_steps: int = 30
    max_gradient_norm: float = 1.0
    augmentation: float = 0.12
    """0 = none, 1 = shifts of 12 % of the side, rotations of 0.2 rad, colour, SpecAugment."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto takes bf16 where the processor computes in it."""
    compiles: bool = False
    """Compile the towers with torch.compile."""
    sharding: Literal["ddp", "fsdp"] = "ddp"
    accumulated_batches: int = 1
    """Parts of a rank's batch whose gradients are summed; each has its own negatives."""
    cached_rows: int = 0
    """Rows that are embedded at a time while the loss sees the whole batch (Gao et al. 2021); 0 = all at once."""
    ema_decay: float = 0.0
    """Of the averaged weights that evaluation uses; 0 = none."""
    checkpoint_every_steps: int = 100
    checkpoint_every_minutes: float = 0.0
    """Also when the last one is that old; 0 = by steps alone."""
    validation_batches: int = 2
    """Held-out batches whose loss is measured at every checkpoint and decides which one is the best; 0 = none."""
    log_every_steps: int = 10
    peak_teraflops: float = 0.0
    """Dense operations of one worker's device in a second, for the MFU; 0 = by its name. Not part of the run key."""
    num_workers: int = 2
    """Ray Train workers; 0 runs in this process. Not part of the run key: a run may resume at another size."""
    min_workers: int = 0
    """Where machines come and go, the run goes on with any number from this to `num_workers`; 0 = exactly that many."""
    without_fold: int = -1
    """Train without this half of the groups (0 or 1), so that the model can judge it; -1 = train on all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What is trained, on which parts of a batch, and how."""

    name: str
    task: TaskWord
    """See `mmmodels.tasks.register`."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    loading: LoadingConfig = field(default_factory=LoadingConfig)
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    """Of the task that finds things in pictures."""
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    """Of the tasks that answer in text."""
    reconstruction: ReconstructionConfig = field(default_factory=ReconstructionConfig)
    """Of the task `reconstruct`."""
    fusion: FusionConfig = field(default_factory=FusionConfig)
    """Of `classify` and `sentiment`."""
    tuning: TuningConfig = field(default_factory=TuningConfig)
    """What of the model learns, from how many labels."""
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    """Of the tasks that hear what is said."""
    mixture: Mapping[str, int] = field(default_factory=dict)
    """Kind of batch -> how many of them in one round of the schedule; kinds that the view lacks are left out."""

    def __post_init__(self) -> None:
        if self.task == "align" and not self.model.pairs:
            raise RecipeError(
                f"model.modalities={','.join(self.model.modalities)}, model.hub={self.model.hub}: no pair to train. "
                "Give two modalities or more, the hub among them."
            )
        if not self.model.modalities:
            raise RecipeError("model.modalities=: there is nothing to look at. Name one or more of image, text, audio.")
