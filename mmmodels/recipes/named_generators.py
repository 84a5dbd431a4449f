"""Named recipes of models that answer in text."""

from mmmodels.recipes.generator import DecodingConfig, GeneratorConfig
from mmmodels.recipes.training import Recipe, TrainingConfig


def caption_tiny() -> Recipe:
    """Pictures named in six languages, in CPU minutes; with an aligner as parent its image tower goes on.

    Every entry is read about twenty times: names have to be learnt by heart before they can be said.
    """
    generator = GeneratorConfig(
        languages=("de", "en", "es", "fr", "it", "ru"), decoding=DecodingConfig(max_new_tokens=40)
    )
    training = TrainingConfig(
        num_steps=1600,
        batch_size=128,
        warmup_steps=100,
        augmentation=0.2,
        checkpoint_every_steps=200,
        num_workers=0,
    )
    return Recipe(name="caption_tiny", task="caption", generator=generator, training=training, mixture={"captioned": 1})
