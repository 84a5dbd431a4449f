"""Colours into sRGB, where it is cheap and matters: ink, and RGB with a profile that is not sRGB's.

Done after the picture was made small. Left alone: profiles of grey, gamma in PNG, and Adobe RGB that only EXIF names.
"""

import io
from functools import lru_cache

from PIL import Image, ImageCms

_MODES = {"RGB": "RGB ", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """RGB; a profile that cannot be used is as none, a picture is not worse for it."""
    transform = _transform(icc, image.mode) if icc else None
    if transform is not None:
        converted = ImageCms.applyTransform(image, transform)
        assert converted is not None  # only in place it returns nothing
        return converted
    return image.convert("RGB")


@lru_cache(maxsize=8)
def _transform(icc: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where there is nothing to do."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        described = profile.profile.profile_description or ""
        if mode not in _MODES or profile.profile.xcolor_space != _MODES[mode] or "srgb" in described.lower():
            return None
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
