"""Images for training: the shorter side made small, turned, on white, sRGB, JPEG.

JPEG is decoded at 1/2, 1/4 or 1/8 (the fractions that libjpeg-turbo has vector code for) and resized by an antialiased
bicubic filter.
"""

import numpy as np
import simplejpeg
from cykooz_resizer import FilterType, ResizeAlg, ResizeOptions, Resizer
from numpy.typing import NDArray
from PIL import Image

from pipelines.errors import SampleError
from pipelines.shards.media.bounds import MAX_JPEG_SIDE_PIXELS
from pipelines.shards.media.colours import to_srgb
from pipelines.shards.media.containers import check_png, check_riff
from pipelines.shards.media.headers import Header, opened
from pipelines.shards.media.orientation import turned

_BICUBIC = ResizeOptions(resize_alg=ResizeAlg.convolution(FilterType.catmull_rom))
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
_UNSCALED = ("I", "F")
_FOUR_BYTES = "CMYK"  # as a mode, for red, green, blue and nothing: the one that no library multiplies by an alpha


def shrunk(data: bytes, header: Header, *, side_pixels: int, quality: int) -> tuple[bytes, tuple[int, int]]:
    """JPEG, its (width, height); never enlarged. The same bytes for the same bytes on one kind of processor."""
    size = _target(header.width, header.height, side_pixels)
    is_coloured_jpeg = header.kind == "JPEG" and not header.is_ink
    pixels = _from_jpeg(data, header, size) if is_coloured_jpeg else _from_others(data, header, size)
    if header.icc or header.orientation != 1 or not is_coloured_jpeg:
        image = to_srgb(_as_rgb(pixels) if is_coloured_jpeg else pixels, header.icc)
        image = turned(image, header.orientation)
        size = image.size
        coded = simplejpeg.encode_jpeg(np.asarray(image), quality, "RGB", "420")
    else:
        coded = simplejpeg.encode_jpeg(np.asarray(pixels), quality, "RGBX", "420")
    return coded, size


def with_eight_bits(image: Image.Image) -> Image.Image:
    """The upper eight of 16-bit grey, which Pillow would clip; SampleError where nothing says what white is."""
    if image.mode in _UNSCALED:
        raise SampleError(f"image of mode {image.mode!r}: its numbers have no known full scale", status="refused")
    if image.mode in _DEEP_GREY:
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    return image


def _target(width: int, height: int, side_pixels: int) -> tuple[int, int]:
    shorter = min(width, height)
    if shorter > side_pixels:
        width, height = ((side * side_pixels + shorter // 2) // shorter for side in (width, height))
    if max(width, height) > MAX_JPEG_SIDE_PIXELS:
        raise SampleError(
            f"image of {width}x{height} pixels is too long, JPEG takes {MAX_JPEG_SIDE_PIXELS}", status="refused"
        )
    return width, height


def _from_jpeg(data: bytes, header: Header, size: tuple[int, int]) -> Image.Image:
    """Red, green, blue and a byte of nothing."""
    divisor = next((by for by in (8, 4, 2) if min(header.width, header.height) >= by * min(size)), 1)
    height, width = -(-header.height // divisor), -(-header.width // divisor)
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGBX", min_height=height, min_width=width)
    height, width = pixels.shape[:2]
    return _resized(Image.frombuffer(_FOUR_BYTES, (width, height), pixels, "raw", _FOUR_BYTES, 0, 1), size)


def _as_rgb(pixels: Image.Image) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(np.asarray(pixels)[:, :, :3]))


def _from_others(data: bytes, header: Header, size: tuple[int, int]) -> Image.Image:
    """RGB or CMYK."""
    if header.kind == "JPEG":  # in ink; Pillow knows Adobe's inverted one, and takes warnings for nothing
        simplejpeg.decode_jpeg(data, "CMYK", min_height=1, min_width=1)
    elif header.kind == "PNG":
        check_png(data, inflate=False)
    elif header.kind == "WEBP":
        check_riff(data)
    with opened(data) as image:
        image.load()
        colours = with_eight_bits(image)
        if colours.mode == "CMYK":
            return _resized(colours, size)
        mode = "RGBA" if colours.has_transparency_data else "RGB"
        # To convert is to copy, also where there is nothing to convert. Colours are weighted by their alpha.
        small = _resized(colours if colours.mode == mode else colours.convert(mode), size)
    if mode == "RGB":
        return small
    ground = Image.new("RGBA", size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, small).convert("RGB")


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    small = Image.new(image.mode, size)
    Resizer().resize_pil(image, small, _BICUBIC)
    return small
