"""Named training runs as functions returning frozen configs; imports no torch, so that a run's key costs nothing."""

from mmmodels.recipes.fusion import FusionConfig
from mmmodels.recipes.generator import DecodingConfig, GeneratorConfig
from mmmodels.recipes.keys import code_version, run_key_of
from mmmodels.recipes.loading import LoadingConfig
from mmmodels.recipes.model import MODALITIES, AudioConfig, ImageConfig, ModelConfig, TextConfig, TowerConfig
from mmmodels.recipes.named import RECIPES, classify_tiny, find_recipe, tiny
from mmmodels.recipes.reconstruction import ReconstructionConfig
from mmmodels.recipes.speech import SpeechConfig
from mmmodels.recipes.training import Recipe, TrainingConfig
from mmmodels.recipes.tuning import TuningConfig
from mmmodels.recipes.values import recipe_from

__all__ = [
    "MODALITIES",
    "RECIPES",
    "AudioConfig",
    "DecodingConfig",
    "FusionConfig",
    "GeneratorConfig",
    "ImageConfig",
    "LoadingConfig",
    "ModelConfig",
    "Recipe",
    "ReconstructionConfig",
    "SpeechConfig",
    "TextConfig",
    "TowerConfig",
    "TrainingConfig",
    "TuningConfig",
    "classify_tiny",
    "code_version",
    "find_recipe",
    "recipe_from",
    "run_key_of",
    "tiny",
]
