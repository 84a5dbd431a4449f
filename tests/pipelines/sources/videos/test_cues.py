from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SampleError
from pipelines.sources.videos.cues import WRITERS, Cue, arranged, parse_cues, to_srt, to_vtt

WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=20)
CUES = st.lists(
    st.builds(
        lambda start, length, text: Cue(start_seconds=start / 1000, end_seconds=(start + length) / 1000, text=text),
        st.integers(0, 400_000_000),
        st.integers(1, 60_000),
        WORDS,
    ),
    max_size=6,
)


@given(CUES)
def test_reading_webvtt_gives_back_what_was_written(cues: list[Cue]):
    written = arranged(cues)
    assert parse_cues(to_vtt(written), name="a.vtt") == written


@given(CUES)
def test_reading_subrip_gives_back_times_and_whatever_is_no_tag(cues: list[Cue]):
    written = arranged(cues)
    found = parse_cues(to_srt(written), name="a.srt")
    assert [(cue.start_seconds, cue.end_seconds) for cue in found] == [
        (cue.start_seconds, cue.end_seconds) for cue in written
    ]
    plain = [cue.text for cue in written if not set("<>{") & set(cue.text)]
    assert [cue.text for cue in found if cue.text in plain] == plain


@pytest.mark.parametrize("suffix", WRITERS)
def test_markup_in_a_text_stays_a_text(suffix: str):
    text = "2 < 3 & <b>so</b> --> 3 > 2"
    (found,) = parse_cues(WRITERS[suffix]([Cue(start_seconds=0, end_seconds=1, text=text)]), name=f"a{suffix}")
    expected = text if suffix == ".vtt" else "2 < 3 & \u2039b>so\u2039/b> \u2192 3 > 2"
    assert found.text == expected


def test_a_cue_that_reaches_into_the_next_ends_where_that_begins():
    cues = [Cue(start_seconds=2, end_seconds=9, text="b"), Cue(start_seconds=0, end_seconds=3, text="a")]
    assert [(cue.start_seconds, cue.end_seconds, cue.text) for cue in arranged(cues)] == [(0, 2, "a"), (2, 9, "b")]


def test_overlapping_cues_are_not_written():
    cues = [Cue(start_seconds=0, end_seconds=3, text="a"), Cue(start_seconds=2, end_seconds=9, text="b")]
    with pytest.raises(SampleError, match="begins before the one before it ends"):
        to_srt(cues)


def test_an_empty_line_in_a_text_does_not_end_its_cue():
    cue = Cue(start_seconds=0, end_seconds=1, text="a\n\n00:00:05,000 is no time\n")
    assert [found.text for found in parse_cues(to_srt([cue]), name="a.srt")] == ["a\n00:00:05,000 is no time"]


def test_subrip_of_other_programs_is_read():
    data = "\ufeff1\r\n00:00:01,000 --> 00:00:02,000 X1:0\r\n{\\an8}<i>Hello</i>\r\nthere\r\n\r\n\r\n2\r\n"
    data += "00:01:00,000 --> 100:00:02,000\r\n<font color=red>far</font>\r\n"
    first, second = parse_cues(data.encode(), name="a.srt")
    assert (first.text, second.text, second.end_seconds) == ("Hello\nthere", "far", 360_002.0)


def test_notes_styles_and_settings_of_webvtt_are_passed_over():
    data = "WEBVTT - a title\n\nNOTE nothing\n\nSTYLE\n::cue { color: red }\n\nid\n00:01.000 --> 00:02.000 align:end\n"
    (cue,) = parse_cues((data + "<v Bob>fish &amp; chips</v>\n").encode(), name="a.vtt")
    assert (cue.start_seconds, cue.text) == (1.0, "fish & chips")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.srt", b"hello\n", "line 1.*number of a cue"),
        ("a.srt", b"1\n00:00:01.000 --> 00:00:02.000\nx\n", "line 2: expected"),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:01,000\nx\n", "line 2: ends at 1.000"),
        ("a.srt", b"1\n00:99:01,000 --> 00:00:01,000\nx\n", "line 2: expected"),
        ("a.vtt", b"1\n00:00:01,000 --> 00:00:02,000\nx\n", "expected WEBVTT"),
        ("a.vtt", b"WEBVTT\n\n00:01 --> 00:02\nx\n", "line 3: expected"),
        ("a.vtt", b"", "expected WEBVTT"),
        ("a.srt", b"\xff\xfe1\x00", "not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_by_its_line(name: str, data: bytes, message: str):
    with pytest.raises(SampleError, match=message):
        parse_cues(data, name=name)


@given(st.binary(max_size=200), st.sampled_from(["a.srt", "a.vtt"]))
def test_any_bytes_are_cues_or_a_reason(data: bytes, name: str):
    with suppress(SampleError):
        cues = parse_cues(data, name=name)
        assert all(cue.start_seconds < cue.end_seconds for cue in cues)
