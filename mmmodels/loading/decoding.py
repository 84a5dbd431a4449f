"""Bytes of a member to the array of one shape that its configuration asks for."""

from typing import Any

from numpy.typing import NDArray

from mmmodels.batches import decode_clip, decode_pixels
from mmmodels.recipes import AudioConfig, ImageConfig

MediaConfig = ImageConfig | AudioConfig


def decoded_by(data: bytes, config: MediaConfig) -> NDArray[Any]:
    """Bytes to an array of one shape."""
    return decode_pixels(data, config=config) if isinstance(config, ImageConfig) else decode_clip(data, config=config)


def decoded_shape(config: MediaConfig) -> tuple[tuple[int, ...], str]:
    """Shape and type of one decoded medium."""
    if isinstance(config, ImageConfig):
        return (config.input_pixels, config.input_pixels, 3), "uint8"
    return (config.num_samples,), "int16"
