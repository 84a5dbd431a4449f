"""Overrides under which a recipe trains in seconds, and an aligner that needs no training."""

from pathlib import Path

SMALL = {
    "training.num_workers": "0",
    "training.batch_size": "16",
    "training.log_every_steps": "2",
    "training.checkpoint_every_steps": "4",
    "training.num_steps": "8",
    "model.text.vocab_size": "300",
    "model.image.size_pixels": "32",
    "model.audio.num_frames": "40",
}


def save_random_aligner(folder: Path, *, seed: int = 0, **provenance: object) -> Path:
    """The bundle of an aligner that knows nothing, as training would save it."""
    import torch

    from mmmodels.alignment.bundle import build_aligner, save_bundle
    from mmmodels.recipes import find_recipe
    from mmmodels.towers.tokenizers import train_tokenizer

    torch.manual_seed(seed)
    recipe = find_recipe("tiny", SMALL | {"model.text.layers": "1"})
    tokenizer = train_tokenizer(["red circle", "blue square"], vocab_size=300)
    save_bundle(folder, build_aligner(recipe.model), recipe=recipe, tokenizer=tokenizer, provenance=provenance)
    return folder
