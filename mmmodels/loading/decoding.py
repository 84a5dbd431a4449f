"""Bytes of a member to the array of one shape that its configuration asks for."""

from typing import Any

from numpy.typing import NDArray

from mmmodels.batches import decode_clip, decode_pixels
from mmmodels.recipes import AudioConfig, ImageConfig

MediaConfig = ImageConfig | AudioConfig


def decode_into(data: bytes, into: NDArray[Any], config: MediaConfig) -> None:
    """Fill an array of `decoded_shape`; SampleError if the bytes do not decode."""
    if isinstance(config, ImageConfig):
        decode_pixels(data, into, config=config)
    else:
        into[:] = decode_clip(data, config=config)


def decoded_shape(config: MediaConfig) -> tuple[tuple[int, ...], str]:
    """Shape and type of one decoded medium."""
    if isinstance(config, ImageConfig):
        return (config.input_pixels, config.input_pixels, 3), "uint8"
    return (config.num_samples,), "int16"
