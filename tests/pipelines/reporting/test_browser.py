"""The data card in a real browser: what a person sees, and what a caption must not be able to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.curation.views import View
from pipelines.reporting.card import card_of
from tests import browser
from tests.browser import Tab

pytestmark = [pytest.mark.slow, pytest.mark.skipif(browser.PROGRAM is None, reason=browser.WHY_NOT)]

CONTRAST = """
(() => {
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                       return 0.2126 * r + 0.7152 * g + 0.0722 * b };
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
                        if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] };
  const bad = [];
  for (const e of document.querySelectorAll('main *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const style = getComputedStyle(e), inside = e.namespaceURI.endsWith('svg');
    const pair = [parse(inside ? style.fill : style.color), behind(e)].map(c => light(c.slice(0, 3)));
    pair.sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) bad.push(`${e.tagName} ${e.textContent.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return bad;
})()
"""


@pytest.fixture
def tab(nasty_view: View, tmp_path: Path) -> Iterator[Tab]:
    path = tmp_path / "card.html"
    path.write_text(card_of(nasty_view))
    with browser.browser(tmp_path / "profile") as found:
        found.look(width=1280)
        found.open(path)
        yield found


def test_a_card_asks_for_nothing_runs_nothing_and_breaks_none_of_its_own_rules(tab: Tab) -> None:
    assert tab.said == []
    assert [url for url in tab.asked_for if not url.endswith("/card.html")] == []
    assert tab.evaluate("document.scripts.length") == 0
    assert tab.evaluate("document.querySelectorAll('[onerror],[onload],[onclick]').length") == 0
    assert "<script>alert(1)</script>" in tab.evaluate("document.body.innerText")
    assert tab.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")


def test_a_card_has_its_style_although_its_policy_allows_no_other(tab: Tab) -> None:
    assert tab.evaluate("getComputedStyle(document.querySelector('.gallery')).display") == "grid"
    tab.evaluate("document.head.appendChild(document.createElement('style')).textContent = 'h1 { display: none }'")
    assert tab.evaluate("getComputedStyle(document.querySelector('h1')).display") == "block"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_a_card_fits_every_width(tab: Tab, width: int, scheme: str) -> None:
    tab.look(width=width, scheme=scheme)
    tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    shown = "[...document.querySelectorAll('figure, svg, h1, h2, h3, p, pre, audio')]"
    outside = "e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll')"
    assert tab.evaluate(f"{shown}.filter({outside}).length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_what_is_behind_it(tab: Tab, scheme: str) -> None:
    tab.look(width=1280, scheme=scheme)
    tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    badges = (
        '<div class="group"><div class="sample"><b class="badge">kept</b><b class="badge out">dropped</b></div></div>'
    )
    tab.evaluate(f"document.querySelector('main').insertAdjacentHTML('beforeend', '{badges}')")
    assert tab.evaluate(CONTRAST) == []


def test_a_keyboard_reaches_the_contents_the_tables_the_players_and_what_is_folded(tab: Tab) -> None:
    reached = []
    for _ in range(200):
        tab.press("Tab")
        reached.append(tab.evaluate("document.activeElement.className || document.activeElement.tagName"))
        if reached[-1] == "SUMMARY" and "opened" not in reached:
            before = tab.evaluate("document.activeElement.parentElement.open")
            tab.press("Enter")
            assert tab.evaluate("document.activeElement.parentElement.open") is not before
            tab.press("Enter")
            reached.append("opened")
        if reached[-1] == "BODY":
            break
    assert reached[0] == "skip"
    assert {"A", "AUDIO", "SUMMARY", "PRE", "opened"} <= set(reached)
    assert any("scroll" in name for name in reached)
    assert tab.evaluate("getComputedStyle(document.querySelector('summary')).cursor") == "pointer"


def test_a_printed_card_has_no_players_and_shows_what_is_folded(tab: Tab) -> None:
    tab.look(width=800, media="print")
    assert tab.evaluate("getComputedStyle(document.querySelector('audio')).display") == "none"
    assert tab.evaluate("getComputedStyle(document.querySelector('.contents')).display") == "none"
    tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = false })")
    assert tab.evaluate("document.querySelector('details figure').getBoundingClientRect().height") > 50
    tab.look(width=800)
    assert (
        tab.evaluate("document.querySelector('details figure').checkVisibility({contentVisibilityAuto: true})") is False
    )
