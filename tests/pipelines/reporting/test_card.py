import json
import re
from html.parser import HTMLParser

import pytest

from pipelines import storage
from pipelines.__main__ import main
from pipelines.curation.curating import curate
from pipelines.curation.parsing import parse
from pipelines.curation.policy import Policy, parse_policy
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.reporting.card import card_of
from pipelines.reporting.choosing import spread_samples
from pipelines.reporting.fates import columns_by_rule
from pipelines.reporting.storing import write_card
from pipelines.samples import Snapshot
from pipelines.signals.measuring import measure
from tests.pipelines.reporting.conftest import NASTY


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


def samples_of(card: Tags) -> list[dict[str, str | None]]:
    return [figure for figure in card.all("figure") if figure.get("class") == "sample"]


def test_a_card_shows_pictures_and_players_of_kept_and_dropped_samples(nasty_view: View) -> None:
    card = Tags(card_of(nasty_view))
    assert len(samples_of(card)) == nasty_view.manifest["num_samples"] == 12
    assert len(card.all("img")) == len(card.all("audio")) == 12
    assert all(picture["alt"] for picture in card.all("img"))
    assert all((picture["src"] or "").startswith("data:image/webp;base64,") for picture in card.all("img"))
    assert {(clip["src"] or "").partition(";")[0] for clip in card.all("audio")} == {"data:audio/flac"}
    assert re.search(r"Dropped.*cats.*3 dropped, 3 of them shown.*characters 3", card.text, re.DOTALL)


def test_a_card_tells_how_many_are_kept_of_what_by_which_policy(nasty_view: View) -> None:
    text = " ".join(Tags(card_of(nasty_view)).text.split())
    assert f"9 of 12 samples of {nasty_view.snapshots[0]} are kept by the policy <b>mine</b>, 75.0%." in text
    assert nasty_view.digest in text
    assert "$min_characters" in text


def test_a_card_draws_what_the_policy_compares_with_the_threshold_and_the_fates_apart(nasty_view: View) -> None:
    drawn = [svg["aria-label"] or "" for svg in Tags(card_of(nasty_view)).all("svg") if "aria-label" in svg]
    assert "characters: 9 values kept, 3 dropped; min_characters = 4" in drawn
    assert "duration_seconds: 9 values kept, 3 dropped; max_seconds = 60" in drawn
    assert any(label.startswith("sharpness: 9 values kept, 3 dropped; no threshold") for label in drawn)


def test_what_comes_from_outside_is_text_whatever_it_holds(nasty_view: View) -> None:
    html = card_of(nasty_view)
    assert NASTY in Tags(html).text
    for markup in ("<script", "<img src=x", "<b>mine", "<i>cats"):
        assert markup not in html


def test_a_card_needs_no_other_file_and_no_script(nasty_view: View) -> None:
    card = Tags(card_of(nasty_view))
    policy = next(meta["content"] for meta in card.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy)
    assert "unsafe" not in str(policy)
    assert not {name for name, _ in card.found} & {"script", "link", "iframe", "object", "embed", "form", "base"}
    for _, attributes in card.found:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("src") or "data:").startswith("data:")
        assert (attributes.get("href") or "#").startswith("#")


def test_every_entry_of_the_contents_leads_somewhere(nasty_view: View) -> None:
    card = Tags(card_of(nasty_view))
    places = {attributes["id"] for _, attributes in card.found if "id" in attributes}
    links = {(link["href"] or "").removeprefix("#") for link in card.all("a")}
    assert links <= places
    assert len(links) >= 6


@pytest.mark.parametrize("page_bytes", [0, 70_000, 100_000, 8_000_000])
def test_a_card_stays_within_its_size(nasty_view: View, page_bytes: int) -> None:
    html = card_of(nasty_view, page_bytes=page_bytes)
    assert len(html.encode()) <= max(page_bytes, 60_000)
    assert len(samples_of(Tags(html))) == 12
    assert ("left out: the page is full" in html) == (page_bytes < 8_000_000)


def test_the_stored_card_is_what_show_makes_with_croissant_beside_it(nasty_view: View) -> None:
    assert write_card(nasty_view) == f"{nasty_view.uri}/card.html"
    assert storage.read_bytes(f"{nasty_view.uri}/card.html").decode() == card_of(nasty_view)
    assert json.loads(storage.read_bytes(f"{nasty_view.uri}/croissant.json"))["@type"] == "sc:Dataset"


def test_a_card_is_drawn_of_a_view_that_keeps_nothing_and_of_one_that_drops_nothing(
    tiny_snapshot: tuple[Layout, Snapshot],
) -> None:
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, num_workers=1)
    for limit, kept in ((9, 0), (0, 12)):
        policy = parse_policy("all", f"-- $least = {limit}\nselect uid, width < 10 * $least as small from samples")
        report = curate(layout, [snapshot], policy=policy, view="all")
        text = Tags(card_of(open_view(layout, "all", report.digest))).text
        assert f"{kept:,} of 12 samples" in " ".join(text.split())
        assert ("left out" in text, "Dropped" in text) == (False, not kept)


def test_a_rule_knows_the_columns_of_its_expression(nasty_policy: Policy) -> None:
    found = columns_by_rule(parse(nasty_policy))
    assert {rule: found[rule] for rule in ("cats", "dark", "too_long")} == {
        "cats": ["characters"],
        "dark": ["luminance_mean"],
        "too_long": ["duration_seconds"],
    }


def test_what_is_withdrawn_is_gone_from_every_page_at_once(
    nasty_view: View, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, snapshot = nasty_view.layout, nasty_view.snapshots[0]
    write_card(nasty_view)
    page = layout.report(f"shards/{snapshot}/{'0' * 64}.html")
    storage.write_atomic(page, b"pictures")
    rows = nasty_view.verdicts(["uid", "kept"]).to_pylist()
    gone = [next(row["uid"] for row in rows if row["kept"] is fate) for fate in (True, False)]
    main(["forget", "--root", layout.root, "--uid", gone[0], "--uid", gone[1], "--json"])
    capsys.readouterr()
    html = storage.read_bytes(f"{nasty_view.uri}/card.html").decode()
    assert len(samples_of(Tags(html))) == 10
    assert "8 of 12 samples" in " ".join(Tags(html).text.split())
    assert nasty_view.effective_digest in html
    assert not storage.exists(page)
    assert len(list(spread_samples(layout, snapshot, 12))) == 10
