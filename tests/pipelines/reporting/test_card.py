import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.curation.curating import curate
from pipelines.curation.policy import parse_policy
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.reporting.card import card_of
from pipelines.reporting.gallery import MAX_CLIP_BYTES
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.measuring import measure
from pipelines.sources.folder import open_folder

POLICY = parse_policy(
    "<b>mine</b>",
    """-- Drops <i>cats</i>.
-- $max_luminance = 0.5
-- $max_seconds = 60.0
select
  uid,
  characters = 3 as cats,
  luminance_mean < -$max_luminance as dark,
  duration_seconds > $max_seconds as too_long
from samples""",
)
NASTY = "<script>alert('boo')</script> & \"more\""


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def view(tiny_corpus: Path, tmp_path: Path) -> View:
    (tiny_corpus / "food" / "apple.en.txt").write_text(NASTY)
    layout = Layout(str(tmp_path / "root"))
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    snapshot = pack(source, layout=layout, config=PackingConfig(samples_per_shard=5, num_workers=1)).snapshot
    return curated(layout, snapshot)


def curated(layout: Layout, snapshot: Snapshot) -> View:
    measure(layout, snapshot, num_workers=1)
    return open_view(layout, "main", curate(layout, [snapshot], policy=POLICY, view="main").digest)


def test_a_card_shows_pictures_and_players_of_kept_and_dropped_samples(view: View) -> None:
    card = Tags(card_of(view))
    assert len(card.all("figure")) == view.manifest["num_samples"] == 12
    assert len(card.all("img")) == len(card.all("audio")) == 12
    assert re.search(r"Dropped: cats.*dog", card.text, re.DOTALL)
    assert "chat" in card.text
    titles = [svg["aria-label"] for svg in card.all("svg")]
    assert {"luminance_mean", "duration_seconds"} <= set(titles)


def test_a_caption_is_text_whatever_it_holds(view: View) -> None:
    html = card_of(view)
    assert NASTY in Tags(html).text
    assert "<script" not in html
    assert "<b>mine" not in html
    assert "<i>cats" not in html


def test_a_card_needs_no_other_file_and_no_script(view: View) -> None:
    card = Tags(card_of(view))
    assert "default-src 'none'" in str(card.all("meta"))
    assert not card.all("script")
    assert not card.all("link")
    for _, attributes in card.found:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")


def test_a_card_stays_within_its_budget(view: View) -> None:
    whole = card_of(view)
    small = card_of(view, media_bytes=3000)
    assert len(small) < len(whole)
    assert len(Tags(small).all("figure")) == 12
    assert sum(len(uri) for uri in re.findall(r"base64,([^\"]+)", small)) * 3 / 4 < 3000 + MAX_CLIP_BYTES


def test_the_stored_card_is_what_show_makes(view: View) -> None:
    assert storage.read_bytes(f"{view.uri}/card.html").decode() == card_of(view)
