"""A generator that learns in seconds, with a sample of each modality."""

import torch

from mmmodels.generative.language_models import build_language_model
from mmmodels.generative.model import Generator
from mmmodels.generative.vocabulary import Vocabulary
from mmmodels.recipes import AudioConfig, GeneratorConfig, ImageConfig, ModelConfig

TEXTS = ["red circle", "blue square", "grünes Dreieck", "красный круг"]
MODEL = ModelConfig(embed_dim=32, image=ImageConfig(size_pixels=32), audio=AudioConfig(num_frames=40))


def config_of(**settings):
    small = {"width": 32, "layers": 2, "heads": 2, "hidden": 64, "vocab_size": 300, "frame_layers": 1}
    return GeneratorConfig(**(small | settings))


def small_generator(seed=0, **settings):
    """(model, vocabulary); gates are opened, so that what is looked at matters from the start."""
    config = config_of(**settings)
    vocabulary = Vocabulary.learnt(TEXTS, config, languages=["de", "en", "ru"])
    torch.manual_seed(seed)
    model = Generator(MODEL, config, language_model=build_language_model(config, num_tokens=len(vocabulary)))
    for name, parameter in model.named_parameters():
        if ".gates." in name:
            parameter.data.fill_(0.5)
    return model, vocabulary


def media_of(size, *names, seed=0):
    """Noise of the modalities that are named."""
    random = torch.Generator().manual_seed(seed)
    samples = MODEL.audio.num_samples
    made = {
        "image": torch.randint(0, 256, (size, 3, 32, 32), generator=random).to(torch.uint8),
        "audio": torch.randint(-9999, 9999, (size, samples), generator=random).to(torch.int16),
        "video": torch.randint(0, 256, (size, 3, 3, 32, 32), generator=random).to(torch.uint8),
    }
    found = {name: made[name] for name in names}
    if "video" in names:
        found["video_seconds"] = torch.arange(3.0).expand(size, -1).clone()
    return found
