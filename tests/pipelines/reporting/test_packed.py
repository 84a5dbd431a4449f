"""The page of a packed snapshot."""

import re
from pathlib import Path

import pytest

from pipelines.layout import Layout
from pipelines.reporting.choosing import spread_samples
from pipelines.reporting.packed import NUM_SHOWN, packed_page, write_packed_page
from pipelines.reporting.waveform import waveform_svg
from pipelines.shards.failing import Reason, common_reasons
from pipelines.shards.packing import PackingConfig, PackReport, pack
from pipelines.shards.requests import summarise_downloads
from pipelines.sources.folder import open_folder
from tests.conftest import flac, png
from tests.pipelines.reporting.test_card import Tags
from tests.pipelines.shards.test_retrying import SNAPSHOT, Run

NASTY = "[x](javascript:a) <img src=x onerror=alert(1)> <script>alert(1)</script> \u202e </q></figure>"


@pytest.fixture
def packed(tiny_corpus: Path, tmp_path: Path) -> tuple[Layout, PackReport]:
    (tiny_corpus / "food" / "apple.en.txt").write_text(NASTY)
    (tiny_corpus / "food" / "bad.png").write_bytes(b"no picture")
    (tiny_corpus / "zoo").mkdir()
    (tiny_corpus / "zoo" / "alone.png").write_bytes(png(50))
    (tiny_corpus / "zoo" / "heard.en.flac").write_bytes(flac(60, 20.0))
    layout = Layout(str(tmp_path / "root"))
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    return layout, pack(source, layout=layout, config=PackingConfig(samples_per_shard=4, num_workers=1))


def page_of(layout: Layout, report: PackReport, **options: int) -> str:
    reasons = common_reasons(layout, report.snapshot)
    return packed_page(layout, report, reasons=reasons, downloads=None, **options)


def test_the_page_shows_pictures_and_players_of_every_shard_and_needs_no_other_file(
    packed: tuple[Layout, PackReport],
):
    tags = Tags(page_of(*packed))
    assert len(tags.all("figure")) == 14
    assert len(tags.all("img")) == 13
    assert len(tags.all("audio")) == 13
    for name, attributes in tags.found:
        assert name not in {"script", "link", "iframe"}
        assert not any(key.startswith("on") for key in attributes)
        assert (attributes.get("src") or "data:").startswith("data:")
        assert (attributes.get("href") or "#").startswith("#")


def test_what_a_caption_or_a_message_holds_is_text(packed: tuple[Layout, PackReport]):
    layout, report = packed
    reason = Reason(status="refused", message=NASTY, num_records=1, reference=NASTY, example=NASTY)
    tags = Tags(packed_page(layout, report, reasons=[reason], downloads=None))
    assert tags.text.count("<script>alert(1)</script>") == 4
    assert not tags.all("script")


def test_the_page_says_why_records_failed(packed: tuple[Layout, PackReport]):
    assert "food/bad.png" in Tags(page_of(*packed)).text


def test_a_long_clip_plays_its_beginning(packed: tuple[Layout, PackReport]):
    html = page_of(*packed)
    assert html.count('src="data:audio/mpeg') == 1
    assert "the first 10 seconds" in html


def test_media_stay_within_their_budget(packed: tuple[Layout, PackReport]):
    html = page_of(*packed, media_characters=30_000)
    embedded = sum(len(found) for found in re.findall(r"base64,([^\"]*)", html))
    assert 0 < embedded < 30_000


def test_the_page_is_named_after_what_it_shows(packed: tuple[Layout, PackReport]):
    layout, report = packed
    uri = write_packed_page(layout, report, reasons=[], downloads=None)
    assert uri.endswith(f"reports/shards/{report.snapshot}/{report.digest}.html")
    assert Path(uri).read_text() == packed_page(layout, report, reasons=[], downloads=None)


def test_downloads_are_shown_where_there_were_any(tmp_path: Path):
    run = Run(tmp_path)
    report = run.pack(a="gone")
    downloads = summarise_downloads(run.layout, SNAPSHOT)
    text = Tags(packed_page(run.layout, report, reasons=[], downloads=downloads)).text
    assert "10 URLs, 10 requests" in text
    assert "Hosts that failed most" in text


@pytest.mark.parametrize("number", [1, 3, NUM_SHOWN])
def test_samples_are_spread_over_all_shards(packed: tuple[Layout, PackReport], number: int):
    layout, report = packed
    rows = list(spread_samples(layout, report.snapshot, number))
    assert len({row["uid"] for row in rows}) == len(rows) == min(number, 14)
    assert [row["shard"] for row in rows] == sorted(row["shard"] for row in rows)
    assert len({row["shard"] for row in rows}) == min(number, report.num_shards)
    assert rows == list(spread_samples(layout, report.snapshot, number))


@pytest.mark.parametrize("seconds", [0.001, 0.5, 30.0])
def test_a_drawing_of_a_clip_is_small_whatever_its_length(seconds: float):
    assert len(waveform_svg(flac(1, seconds))) < 1500
