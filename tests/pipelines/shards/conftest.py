import io

import numpy as np
import pytest
import soundfile
from PIL import Image


@pytest.fixture
def tiny_media() -> tuple[bytes, bytes]:
    """(PNG, FLAC)."""
    picture, clip = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(picture, "PNG")
    soundfile.write(clip, 0.1 * np.sin(np.arange(400)), 8000, format="FLAC")
    return picture.getvalue(), clip.getvalue()
