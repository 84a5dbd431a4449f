import io

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from pipelines.errors import SampleError
from pipelines.shards.media import MediaProfile, store_image
from tests.media_files import encoded, photo, picture, seen

TRAIN = MediaProfile(name="train")


def reference(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """Decoded whole, resized in floats."""
    bands = [band.convert("F").resize(size, Image.Resampling.LANCZOS) for band in image.convert("RGB").split()]
    return np.stack([np.asarray(band) for band in bands], axis=2)


def psnr(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / ((found - wanted) ** 2).mean()))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 384), (341, 256)),
        ((300, 900), (256, 768)),
        ((1024, 1024), (256, 256)),
        ((2051, 1537), (342, 256)),
        ((200, 100), (200, 100)),
        ((1, 1), (1, 1)),
        ((256, 257), (256, 257)),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_shorter_side_becomes_256_and_nothing_is_enlarged(form: str, size, expected):
    stored = store_image(encoded(Image.new("RGB", size, "red"), form), profile=TRAIN)
    assert (stored.width, stored.height) == seen(stored.data).shape[1::-1] == expected
    assert (stored.original_width, stored.original_height, stored.extension) == (*size, "jpg")


@pytest.mark.parametrize(
    ("form", "size"), [("JPEG", (512, 384)), ("JPEG", (1100, 1500)), ("PNG", (700, 500)), ("WEBP", (700, 500))]
)
def test_little_is_lost_against_a_full_decode_in_floats(form: str, size: tuple[int, int]):
    data = encoded(photo(*size), form, quality=95)
    stored = store_image(data, profile=TRAIN)
    with Image.open(io.BytesIO(data)) as whole:
        assert psnr(seen(stored.data), reference(whole, (stored.width, stored.height))) > 37


def test_thin_stripes_turn_grey_and_do_not_alias():
    stripes = np.zeros((1000, 1000, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    pixels = seen(store_image(encoded(Image.fromarray(stripes), "PNG"), profile=TRAIN).data)
    assert np.abs(pixels[:, 5:-5].astype(int) - 127).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_and_no_tag_is_left(orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo(600, 400), "JPEG", exif=exif.tobytes(), quality=95)
    stored = store_image(data, profile=TRAIN)
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image)
    assert psnr(seen(stored.data), reference(upright, (stored.width, stored.height))) > 37
    with Image.open(io.BytesIO(stored.data)) as image:
        assert not image.getexif()
    assert (stored.applied_orientation, stored.original_width, stored.original_height) == (orientation, 600, 400)


def test_transparent_becomes_white_and_colours_under_it_do_not_bleed():
    rgba = np.zeros((600, 600, 4), dtype=np.uint8)
    rgba[:, :300] = (255, 0, 0, 255)
    rgba[:, 300:] = (0, 0, 255, 0)
    pixels = seen(store_image(encoded(Image.fromarray(rgba), "PNG"), profile=TRAIN).data).astype(int)
    assert np.abs(pixels[:, :110] - (255, 0, 0)).max() < 8
    assert np.abs(pixels[:, 150:] - 255).max() < 8
    assert (pixels[:, :, 2] <= pixels[:, :, 0] + 8).all()


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "I;16"])
def test_every_kind_of_png_becomes_rgb_jpeg(mode: str):
    stored = store_image(picture("PNG", mode, size=(400, 300)), profile=TRAIN)
    with Image.open(io.BytesIO(stored.data)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (341, 256))


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    deep = np.full((300, 300), 0x8000, dtype=np.uint16)
    for form in ("PNG", "TIFF"):
        assert abs(int(seen(store_image(encoded(Image.fromarray(deep), form), profile=TRAIN).data).mean()) - 128) <= 1
    assert int(seen(store_image(encoded(Image.fromarray(deep), "TIFF")).data).mean()) == 128


@pytest.mark.parametrize("deep", [np.zeros((20, 20), np.float32), np.zeros((20, 20), np.int32)])
@pytest.mark.parametrize("profile", [MediaProfile(), TRAIN])
def test_numbers_without_a_full_scale_are_refused(deep: np.ndarray, profile: MediaProfile):
    with pytest.raises(SampleError, match="no known full scale") as caught:
        store_image(encoded(Image.fromarray(deep), "TIFF"), profile=profile)
    assert caught.value.status == "refused"


def test_ink_becomes_rgb():
    red = Image.new("CMYK", (400, 300), (0, 255, 255, 0))
    assert np.abs(seen(store_image(encoded(red, "JPEG"), profile=TRAIN).data) - np.array([254, 0, 0])).max() < 6


def test_rgb_of_another_profile_becomes_srgb_and_a_broken_profile_costs_nothing():
    swapped = ImageCms.createProfile("sRGB")
    srgb = ImageCms.ImageCmsProfile(swapped).tobytes()
    red, green = srgb.index(b"rXYZ", 128), srgb.index(b"gXYZ", 128)
    other = bytearray(srgb.replace(b"s\0R\0G\0B", b"o\0t\0h\0e").replace(b"sRGB", b"othe"))
    other[red : red + 4], other[green : green + 4] = b"gXYZ", b"rXYZ"  # what it calls red is green
    data = encoded(Image.new("RGB", (300, 300), "red"), "JPEG", icc_profile=bytes(other))
    assert seen(store_image(data, profile=TRAIN).data)[100, 100].argmax() == 1
    for profile in (srgb, b"no profile at all", bytes(other[:200])):
        data = encoded(Image.new("RGB", (300, 300), "red"), "JPEG", icc_profile=profile)
        assert seen(store_image(data, profile=TRAIN).data)[100, 100].argmax() == 0


def test_of_an_animation_the_first_frame_counts():
    frames = [Image.new("RGB", (300, 300), color) for color in ("red", "blue")]
    for form in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        assert seen(store_image(data, profile=TRAIN).data)[9, 9].argmax() == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_same_bytes_give_the_same_bytes(form: str):
    data, other = encoded(photo(500, 400), form), encoded(photo(300, 300), form)
    first = store_image(data, profile=TRAIN).data
    store_image(other, profile=TRAIN)
    assert store_image(bytes(bytearray(data)), profile=TRAIN).data == first


def test_a_jpeg_with_a_flipped_bit_is_as_bad_for_training_as_for_keeping():
    data = encoded(photo(500, 400), "JPEG", quality=90)
    broken = [position for position in range(700, len(data), 997) if not decodes(data, position, MediaProfile())]
    assert broken
    assert not [position for position in broken if decodes(data, position, TRAIN)]


def decodes(data: bytes, position: int, profile: MediaProfile) -> bool:
    try:
        store_image(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :], profile=profile)
    except SampleError:
        return False
    return True


def test_what_jpeg_cannot_say_is_refused():
    with pytest.raises(SampleError, match="too long"):
        store_image(encoded(Image.new("1", (70_000, 1)), "PNG"), profile=TRAIN)
