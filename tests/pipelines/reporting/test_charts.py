from xml.etree import ElementTree as ET

import numpy as np
import pytest

from pipelines.reporting.charts import HEIGHT, NUM_BINS, axis_of, histogram, share_bar
from pipelines.signals.sketches import Sketch


def sketch(*values: float) -> Sketch:
    found = Sketch()
    found.add(np.array(values, dtype=np.float64))
    return found


def parsed(html: str) -> ET.Element:
    return ET.fromstring(html)  # noqa: S314 - made a line above


def texts(html: str) -> list[str]:
    return ["".join(element.itertext()) for element in parsed(html).iter() if element.tag in {"text", "figcaption"}]


def heights(html: str, kind: str) -> float:
    rects = (rect for rect in parsed(html).iter("rect") if rect.get("class") == kind)
    return sum(float(rect.attrib["height"]) for rect in rects)


def test_bars_of_shares_are_in_proportion() -> None:
    bar = parsed(share_bar([("k", 75), ("d", 25), ("r", 100)], of=200))
    assert [float(rect.attrib["width"]) for rect in bar] == [375, 125, 500]
    assert [float(rect.attrib["x"]) for rect in bar] == [0, 375, 500]


def test_kept_and_dropped_stand_on_each_other_in_proportion() -> None:
    html = histogram(sketch(*[1.0] * 60, *[5.0] * 30), sketch(*[5.0] * 30), title="x", thresholds={})
    assert heights(html, "d") / heights(html, "k") == pytest.approx(30 / 90, abs=0.01)
    rects = {float(rect.attrib["y"]) for rect in parsed(html).iter("rect")}
    assert min(rects) == pytest.approx(22, abs=0.1)


def test_one_sample_among_millions_is_seen() -> None:
    html = histogram(sketch(*[1.0] * 1_000_000), sketch(2.0, 1.5, 1.0), title="x", thresholds={"limit": 2.0})
    assert heights(html, "d") >= 1


def test_a_threshold_is_a_line_at_its_value_with_its_name() -> None:
    html = histogram(sketch(*range(101)), sketch(), title="x", thresholds={"limit": 50.0})
    (line,) = [line for line in parsed(html).iter("line") if line.get("class") == "x"]
    assert float(line.attrib["x1"]) == pytest.approx(190, abs=0.5)
    assert "limit = 50" in texts(html)


def test_a_threshold_far_outside_is_an_arrow_and_leaves_the_axis_as_it_is() -> None:
    html = histogram(sketch(*range(101)), sketch(), title="x", thresholds={"most": 1e6, "least": -1e6})
    assert not [line for line in parsed(html).iter("line") if line.get("class") == "x"]
    assert {"most = 1,000,000 \u2192", "\u2190 least = -1,000,000"} <= set(texts(html))
    assert "100" in texts(html)


def test_a_single_far_value_does_not_flatten_the_rest() -> None:
    axis = axis_of(sketch(*np.linspace(0, 1, 2000), 1e9), sketch(), [])
    assert axis is not None
    assert axis.high <= 1


def test_values_over_orders_of_magnitude_get_a_logarithmic_axis() -> None:
    axis = axis_of(sketch(*np.geomspace(1, 1e6, 500)), sketch(), [])
    assert axis is not None
    assert axis.is_log
    assert axis.at(0.5) == pytest.approx(1000, rel=0.1)
    assert axis.x(axis.at(0.25)) == pytest.approx(8 + 0.25 * 364)


def test_few_whole_numbers_get_a_bin_each() -> None:
    axis = axis_of(sketch(1, 2, 3, 9), sketch(), [], is_whole=True)
    assert axis is not None
    assert (axis.low, axis.high, axis.num_bins) == (0.5, 9.5, 9)
    wide = axis_of(sketch(*range(1000)), sketch(), [], is_whole=True)
    assert wide is not None
    assert wide.num_bins == NUM_BINS


@pytest.mark.parametrize("kept", [[], [3.0], [3.0, 3.0], [-1e300, 1e300], [0.0], np.arange(10**5)])
@pytest.mark.parametrize("limits", [{}, {"a": 3.0}, {"a": -5.0, "b": 1e9}])
@pytest.mark.parametrize("is_whole", [False, True])
def test_any_values_make_a_valid_picture(kept: list[float], limits: dict[str, float], is_whole: bool) -> None:
    html = histogram(sketch(*kept), sketch(), title="any", thresholds=limits, is_whole=is_whole)
    assert "nan" not in html.lower()
    assert "inf" not in html.lower()
    for rect in parsed(html).iter("rect"):
        assert 0 <= float(rect.attrib["y"]) <= HEIGHT


def test_names_are_text_whatever_they_hold() -> None:
    nasty = "<script>alert('&')</script>\""
    html = histogram(sketch(1, 2), sketch(), title=nasty, thresholds={nasty: 1.5}, note=nasty)
    assert "<script>" not in html
    assert sum(nasty in text for text in texts(html)) == 2
