import base64
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

from pipelines.reporting.charts import as_markdown_image, funnel_svg, histogram_svg, line_svg

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - made a line above


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


def funnel(*rows: tuple[str, int, int]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"section": "all", "fault": fault, "num_before": before, "num_first": first} for fault, before, first in rows]
        + [{"section": "language", "fault": "other", "num_before": 999, "num_first": 999}]
    )


def test_a_funnel_shows_what_each_rule_took_and_what_is_left() -> None:
    found = texts(funnel_svg(funnel(("failed", 1200, 200), ("quiet", 1000, 0), ("small", 1000, 400))))
    assert found[1:] == [
        "records", "1,200", "failed", "1,000 left, 200 dropped", "small", "600 left, 400 dropped",
        "600 of 1,200 kept; 1 more rules dropped nothing",
    ]  # fmt: skip


def test_bars_of_a_funnel_are_in_proportion() -> None:
    bars = parsed(funnel_svg(funnel(("small", 100, 25))))
    widths = [float(rect.attrib["width"]) for rect in bars.iter(f"{SVG}rect") if rect.get("class") in {"k", "d"}]
    assert widths[2] == pytest.approx(0.75 * widths[0], abs=0.1)
    assert widths[3] == pytest.approx(0.25 * widths[0], abs=0.1)


def test_a_histogram_counts_every_finite_value_and_draws_its_thresholds() -> None:
    svg = histogram_svg([1.0, 1.0, 2.0, float("nan"), float("inf")], title="width", unit="pixels", thresholds=[1.5, 9])
    assert "pixels: 3 samples, median 1" in texts(svg)
    assert len([line for line in parsed(svg).iter(f"{SVG}line") if line.get("class") == "x"]) == 1


@pytest.mark.parametrize("values", [[], [float("nan")], [3.0], [3.0, 3.0], [-1e300, 1e300], np.arange(10**5)])
def test_any_values_make_a_valid_picture(values: object) -> None:
    svg = histogram_svg(values, title="any")  # type: ignore[arg-type]
    assert "NaN" not in svg
    assert "nan" not in svg
    parsed(svg)


@pytest.mark.parametrize("log_y", [False, True])
def test_curves_leave_out_what_cannot_be_drawn(log_y: bool) -> None:
    series = {"loss": [(0, 4.0), (1, float("nan")), (2, 1.0)], "rate": [(0, 0.0), (1, 1e-4)], "empty": []}
    svg = line_svg(series, title="Training", log_y=log_y)
    lines = [line.attrib["points"].split() for line in parsed(svg).iter(f"{SVG}polyline")]
    assert [len(points) for points in lines] == [2, 1 if log_y else 2, 0]
    assert {"loss", "rate", "step 2"} <= set(texts(svg))


def test_no_points_make_a_picture_that_says_so() -> None:
    assert "no values" in texts(line_svg({}, title="empty"))
    assert "no values" in texts(line_svg({"loss": [(0, float("nan"))]}, title="empty"))


def test_names_are_text_whatever_they_hold() -> None:
    nasty = "<script>alert('&')</script>\""
    for svg in (
        histogram_svg([1], title=nasty),
        line_svg({nasty: [(0, 1)]}, title=nasty),
        funnel_svg(funnel((nasty, 2, 1))),
    ):
        assert "<script>" not in svg
        assert any(nasty in text for text in texts(svg))


def test_a_markdown_image_carries_the_whole_chart() -> None:
    svg = histogram_svg([1, 2], title="h")
    image = as_markdown_image(svg, "a [chart]")
    assert image.startswith("![a (chart)](data:image/svg+xml;base64,")
    assert base64.b64decode(image.split("base64,")[1].rstrip(")")).decode() == svg
