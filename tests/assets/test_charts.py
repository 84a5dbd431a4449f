"""Charts that Dagster's pages draw in place: short enough, well-formed, and true."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.charts import LIMIT, bars, curve, histogram
from assets.metadata import strip
from tests.conftest import png

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


def svg_of(chart: dg.MarkdownMetadataValue) -> ET.Element:
    text = chart.md_str or ""
    assert len(text) < LIMIT
    match = re.fullmatch(r"!\[chart\]\(<data:image/svg\+xml,(.*)>\)", text)
    assert match, text
    assert not set("<>#\n") & set(match[1])
    return ET.fromstring(unquote(match[1]))  # noqa: S314 - our own text


def words_of(chart: dg.MarkdownMetadataValue) -> list[str]:
    return [element.text or "" for element in svg_of(chart).iter() if element.tag.endswith("text")]


@given(st.lists(numbers, min_size=2, max_size=2000))
def test_a_curve_of_any_length_fits(values: list[float]) -> None:
    svg_of(curve(list(enumerate(values))))


def test_a_curve_says_where_it_begins_and_ends() -> None:
    assert words_of(curve([(0, 5.25), (300, 3.0), (600, 2.5)])) == ["0: 5.25", "600: 2.5"]
    assert curve([(0, 1.0)]).md_str == "too few points"


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), numbers, numbers, numbers)
def test_a_histogram_fits(counts: list[int], low: float, median: float, high: float) -> None:
    svg_of(histogram(counts, low=low, median=median, high=high))


def test_a_bin_with_one_sample_among_many_can_be_seen() -> None:
    path = next(
        element
        for element in svg_of(histogram([100_000, 1, 0], low=0, median=0, high=3)).iter()
        if "d" in element.attrib
    )
    assert re.findall(r"V(\d+)h", path.attrib["d"]) == ["0", "59", "60"]


@given(st.dictionaries(st.text(min_size=1, max_size=40), st.integers(0, 10**9), max_size=60))
def test_bars_of_any_names_fit(found: dict[str, int]) -> None:
    chart = bars(found)
    if found:
        svg_of(chart)
    else:
        assert chart.md_str == "nothing"


def test_bars_come_largest_first_and_the_rest_is_summed() -> None:
    assert words_of(bars({"a": 1, "b": 1200})) == ["b 1,200", "a 1"]
    words = words_of(bars({f"a_rather_long_fault_{i:02d}": 100 - i for i in range(40)}))
    assert words[0] == "a_rather_long_fault_00 100"
    assert re.fullmatch(r"\d+ more [\d,]+", words[-1])


@pytest.mark.parametrize("count", [0, 1, 8])
def test_a_strip_of_pictures_is_drawn_in_place(count: int) -> None:
    text = strip([png(seed) for seed in range(count)]).md_str or ""
    assert len(text) < LIMIT
    assert text.startswith("![pictures](data:image/webp;base64,") == bool(count)
