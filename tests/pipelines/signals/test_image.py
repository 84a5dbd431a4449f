import tracemalloc

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.signals import image
from pipelines.signals.decoding import Picture
from pipelines.signals.image import measure_images


def same_figures(left, right) -> bool:
    """A column of nulls is equal to itself only."""
    return left.keys() == right.keys() and all(
        list(left[name]) == list(right[name]) or np.allclose(left[name], right[name], rtol=1e-12) for name in left
    )


def test_colourfulness_follows_the_paper(media):
    pixels = media.drawing(1)
    red, green, blue = pixels.reshape(-1, 3).T.astype(float)
    rg, yb = red - green, 0.5 * (red + green) - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    assert measure_images([media.picture(pixels)])["colourfulness"][0] == pytest.approx(expected, rel=1e-9)


def test_sharpness_is_the_variance_of_the_laplacian_inside_the_border(media):
    picture = media.picture(media.drawing(2))
    laplacian = scipy.ndimage.laplace(picture.luminance.astype(float))[1:-1, 1:-1]
    assert measure_images([picture])["sharpness"][0] == pytest.approx(laplacian.var(), rel=1e-9)


def test_light_and_entropy_agree_with_plain_numpy(media):
    picture = media.picture(media.drawing(3))
    found = measure_images([picture])
    share = np.bincount(picture.luminance.ravel(), minlength=256) / picture.luminance.size
    share = share[share > 0]
    assert found["luminance_mean"][0] == pytest.approx(picture.luminance.mean() / 255)
    assert found["luminance_contrast"][0] == pytest.approx(picture.luminance.std() / 255)
    assert found["entropy"][0] == pytest.approx(-(share * np.log2(share)).sum())
    assert [found[f"mean_{name}"][0] for name in ("red", "green", "blue")] == pytest.approx(
        picture.pixels.reshape(-1, 3).mean(axis=0) / 255
    )


def test_size_is_width_by_height(media):
    found = measure_images([media.picture(np.zeros((20, 30, 3)))])
    assert (found["width"][0], found["height"][0], found["aspect"][0]) == (30, 20, 1.5)


@pytest.mark.parametrize(("colour", "noise", "blank"), [((255, 255, 255), 0, True), ((9, 90, 200), 1, True),
                                                       ((9, 90, 200), 6, False)])  # fmt: skip
def test_one_colour_is_blank_also_with_the_noise_of_a_codec(media, colour, noise, blank):
    rng = np.random.default_rng(0)
    pixels = np.array(colour) + rng.integers(-noise, noise + 1, size=(64, 64, 1)) * (np.array(colour) < 255)
    assert measure_images([media.picture(pixels)])["is_blank"][0] == blank


def test_two_colours_of_equal_luma_are_not_blank(media):
    pixels = np.zeros((64, 64, 3))
    pixels[:, :32], pixels[:, 32:] = (255, 0, 0), (0, 130, 0)
    found = measure_images([media.picture(pixels)])
    assert found["luminance_contrast"][0] < 0.01
    assert not found["is_blank"][0]


def test_blur_lowers_sharpness(media):
    pixels = np.random.default_rng(0).integers(0, 256, size=(64, 64, 3))
    blurred = scipy.ndimage.gaussian_filter(pixels.astype(float), (2, 2, 0))
    sharp, soft = measure_images([media.picture(pixels), media.picture(blurred)])["sharpness"]
    assert soft < sharp / 20


def test_one_pixel_is_measured_too(media):
    found = measure_images([media.picture(np.full((1, 1, 3), 7))])
    assert found["sharpness"][0] == 0
    assert found["is_blank"][0]


def test_strips_do_not_change_the_figures(media, monkeypatch):
    picture = media.picture(media.drawing(4, size=90)[:70])
    whole = measure_images([picture])
    monkeypatch.setattr(image, "_STRIP_PIXELS", 100)
    in_strips = measure_images([picture])
    assert same_figures(whole, in_strips)


def test_rows_do_not_depend_on_their_neighbours(media):
    pictures = [media.picture(media.drawing(seed, size=40 + seed)) for seed in range(5)]
    together = measure_images(pictures)
    for place, picture in enumerate(pictures):
        assert same_figures(measure_images([picture]), {name: [row[place]] for name, row in together.items()})


def test_figures_are_exact_for_whatever_pixels(media):
    @given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
    @settings(max_examples=60, deadline=None)
    def check(pixels):
        red, green, blue = (pixels[..., channel].astype(float) for channel in range(3))
        rg, yb = red - green, (red + green) / 2 - blue
        found = {name: column[0] for name, column in measure_images([media.picture(pixels)]).items()}
        assert found["colourfulness"] == pytest.approx(
            np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
        )
        assert found["mean_blue"] == pytest.approx(blue.mean() / 255)
        assert 0 <= found["entropy"] <= 8
        assert 0 <= found["luminance_contrast"] <= 0.5

    check()


def test_a_very_large_picture_is_measured_within_little_memory():
    picture = Picture(pixels=np.zeros((4000, 6000, 3), np.uint8), luminance=np.zeros((4000, 6000), np.uint8))
    tracemalloc.start()
    found = measure_images([picture])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found["is_blank"][0]
    assert peak < picture.num_bytes / 20
