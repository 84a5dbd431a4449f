"""The recipes of speech: recognition by CTC."""

from mmmodels.recipes.model import AudioConfig, ModelConfig
from mmmodels.recipes.speech import SpeechConfig
from mmmodels.recipes.training import Recipe, TrainingConfig


def transcribe_tiny() -> Recipe:
    """What is said in clips of up to 3.2 s, by a character or a blank for each 25 ms; CPU minutes."""
    training = TrainingConfig(
        num_steps=1800,
        batch_size=64,
        learning_rate=2e-3,
        weight_decay=0.05,
        warmup_steps=100,
        augmentation=0.7,
        checkpoint_every_steps=300,
        log_every_steps=25,
        num_workers=0,
    )
    model = ModelConfig(modalities=("text", "audio"), audio=AudioConfig(num_frames=256))
    mixture = {"short": 1, "medium": 1, "long": 1}
    return Recipe(
        name="transcribe_tiny",
        task="transcribe",
        model=model,
        speech=SpeechConfig(),
        training=training,
        mixture=mixture,
    )
