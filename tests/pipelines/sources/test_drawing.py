import io
from pathlib import Path

import pytest
from PIL import Image

from pipelines.errors import SampleError
from pipelines.sources.drawing import on_white, render_svg

XLINK = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


@pytest.mark.parametrize("link", ['xlink:href="{}"', "href = '{}'", 'HREF="file://{}"', 'href="&x;"'])
def test_a_drawing_cannot_pull_in_a_file_of_this_machine(tmp_path: Path, link: str):
    Image.new("RGB", (10, 10), "red").save(tmp_path / "secret.png")
    entity = f'<!DOCTYPE svg [<!ENTITY x "{tmp_path}/secret.png">]>'
    link = link.format(tmp_path / "secret.png")
    svg = f'{entity}<svg {XLINK} width="10" height="10"><image {link} width="10" height="10"/></svg>'
    with pytest.raises(SampleError, match="outside of itself"):
        render_svg(svg)


def test_a_size_in_points_is_a_size():
    with Image.open(io.BytesIO(render_svg(f'<svg {XLINK} width="30pt" height="15pt"/>', width=64))) as image:
        assert image.size == (64, 32)


def test_a_drawing_may_link_to_its_own_parts_and_carry_pictures():
    svg = f'<svg {XLINK} width="10" height="10"><rect id="r" width="9" height="9"/><use xlink:href="#r"/></svg>'
    with Image.open(io.BytesIO(render_svg(svg))) as image:
        assert image.convert("RGB").getpixel((5, 5)) == (0, 0, 0)


@pytest.mark.parametrize("svg", ["", "<svg", "<html/>"])
def test_what_is_no_drawing_is_a_sample_error(svg: str):
    with pytest.raises(SampleError, match="does not render"):
        render_svg(svg, width=8)


def test_a_picture_that_does_not_decode_is_a_sample_error(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(SampleError, match=r"a\.png does not decode"):
        on_white(tmp_path / "a.png")
