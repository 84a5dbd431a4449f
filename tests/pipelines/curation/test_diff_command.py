import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import main
from pipelines.curation.curating import curate
from pipelines.curation.diff_histograms import NUM_BINS, histograms, thresholds_of
from pipelines.curation.diffing import diff
from pipelines.curation.policy import parse_policy
from pipelines.curation.views import open_view

RULE = parse_policy(
    "<script>",
    "-- $most = 6\n-- $least = 10\n"
    "select uid, words > $most as wordy, original_width < $least as small, caption = 'number 0' as zero from samples",
)


@pytest.fixture
def pair(corpus: Any, made: Any) -> tuple:
    """(old, new): words 0 to 11, of which the old view keeps up to 6 and the new one up to 3; never the first."""
    things = made.things(12)
    layout, snapshot = corpus(things, {f"thing {n}": {"words": n} for n in range(12)}, per_shard=5)
    digests = [curate(layout, [snapshot], policy=RULE, view="main", params={"most": most}).digest for most in (6, 3)]
    return tuple(open_view(layout, "main", digest) for digest in digests)


def test_histograms_count_what_both_keep_and_what_came_and_went(pair: tuple) -> None:
    old, new = pair
    (words,) = histograms(diff(old, new))  # all pictures are of one size: nothing to see
    assert (words.column, words.low, words.high) == ("words", 1, 6)
    assert {name: sum(counts) for name, counts in words.counts.items()} == {"both": 3, "added": 0, "removed": 3}
    assert words.counts["both"][0] == words.counts["removed"][NUM_BINS - 1] == 1
    assert words.thresholds == {"old": [6.0], "new": [3.0]}
    assert thresholds_of(old) == {"words": [6.0], "original_width": [10.0]}
    back = histograms(diff(new, old))
    assert {name: sum(counts) for name, counts in back[0].counts.items()} == {"both": 3, "added": 3, "removed": 0}


class Checker(HTMLParser):
    """Every tag that is opened is closed, none runs or loads anything."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
        assert not any(name.startswith("on") or name == "src" for name, _ in attrs)
        assert all(value.startswith("#") for name, value in attrs if name == "href")
        if tag not in ("meta", "br", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag


def test_a_shell_is_told_the_gist_and_a_page_shows_it(pair: tuple, tmp_path: Path, capsys: Any) -> None:
    old = pair[0]
    page = tmp_path / "diff.html"
    names = [f"main/{view.digest[:10]}" for view in pair]
    assert main(["diff", "--root", old.layout.root, *names, "--output", str(page)]) == 0
    said = capsys.readouterr().out
    assert "params most: 6 -> 3" in said
    assert "wordy 3: 3 by it alone" in said
    assert "num_moved" not in said
    checker = Checker()
    checker.feed(page.read_text(encoding="utf-8"))
    assert not checker.open
    assert "svg" in checker.seen
    assert "script" not in checker.seen
    assert main(["diff", "--root", old.layout.root, *names, "--json"]) == 0
    everything = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert everything["removed_by_cause"] == {"wordy": 3}
    assert everything["num_moved"] == 0
    assert everything["causes"] == [
        {"change": "removed", "cause": "wordy", "num_only": 3, "num_first": 3, "num_any": 3}
    ]
