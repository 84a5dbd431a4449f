"""Overrides under which a recipe trains in seconds."""

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
