"""Recipes that find things in pictures."""

from mmmodels.recipes.detection import DetectionConfig
from mmmodels.recipes.model import ImageConfig, ModelConfig
from mmmodels.recipes.training import Recipe, TrainingConfig


def detect_tiny() -> Recipe:
    """A detector of the things in composed scenes (corpus openmoji-scenes), by set prediction, in CPU minutes."""
    image = ImageConfig(size_pixels=128)
    training = TrainingConfig(
        num_steps=2000,
        batch_size=32,
        learning_rate=2e-3,
        warmup_steps=50,
        weight_decay=0.05,
        augmentation=1.0,
        checkpoint_every_steps=250,
        log_every_steps=25,
        num_workers=0,  # starting a cluster for it would take a part of its minutes
    )
    return Recipe(
        name="detect_tiny",
        task="detect",
        model=ModelConfig(image=image),
        training=training,
        detection=DetectionConfig(),
        mixture={"boxes": 1},
    )
