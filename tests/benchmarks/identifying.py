"""`python -m tests.benchmarks.identifying --root ROOT`: how often the language of a caption is found.

What counts as right is what the corpus declares; Bokmaal and Nynorsk are one, which eldc calls Norwegian.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pipelines.layout import Layout
from pipelines.shards.reading import read_sidecars
from pipelines.shards.sidecar import SUCCESS
from pipelines.shards.snapshots import choose_snapshots
from pipelines.signals.language import detect_language
from pipelines.signals.words import count_words, tokens_of

MIN_WORDS = 5
_ONE_LANGUAGE = {"nb": "no", "nn": "no"}


@dataclass(kw_only=True, slots=True)
class Accuracy:
    """Of one set of captions."""

    num_texts: Counter[str] = field(default_factory=Counter)
    num_right: Counter[str] = field(default_factory=Counter)
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """Over all texts; 0 where there are none."""
        return self.num_right.total() / max(1, self.num_texts.total())

    def share_of(self, language: str) -> float:
        """Of the texts of one language."""
        return self.num_right[language] / self.num_texts[language]


def accuracy_of(texts: Iterable[tuple[str, str]], *, detect: Callable[[str], str] | None = None) -> Accuracy:
    """Of different (language, text) with five words or more; regions and scripts do not count."""
    found = Accuracy()
    for tag, text in sorted(set(texts)):
        if count_words(tokens_of(text)) < MIN_WORDS:
            continue
        start = time.perf_counter()
        answer = detect(text) if detect else detect_language(text)[0]
        found.seconds += time.perf_counter() - start
        language = tag.partition("-")[0]
        found.num_texts[language] += 1
        if _ONE_LANGUAGE.get(answer, answer) == _ONE_LANGUAGE.get(language, language):
            found.num_right[language] += 1
        else:
            found.confused[language, answer] += 1
    return found


def main() -> None:
    """Print the accuracy on the captions of every snapshot under a root, and on all their texts."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.identifying", description=__doc__.split("\n")[0])
    parser.add_argument("--root", required=True)
    layout = Layout(parser.parse_args().root)
    for snapshot in choose_snapshots(layout, corpus=None, snapshot=None):
        rows = [row for row in read_sidecars(layout, snapshot).to_pylist() if row["status"] == SUCCESS]
        captions = [(row["language"], row["caption"]) for row in rows if row["caption"] and row["language"]]
        _print(f"{snapshot} captions", accuracy_of(captions))
        _print(f"{snapshot} all texts", accuracy_of(text for row in rows for text in row["texts"] or ()))


def _print(what: str, found: Accuracy) -> None:
    rate = found.num_texts.total() / max(found.seconds, 1e-9)
    total = found.num_texts.total()
    lowest = sorted(found.num_texts, key=found.share_of)[:12]
    worst = found.confused.most_common(8)
    lines = (
        f"{what}: {found.share:.2%} of {total:,} texts of {MIN_WORDS} words or more, {rate:,.0f}/s",
        "  lowest: " + "  ".join(f"{one} {found.share_of(one):.0%} of {found.num_texts[one]}" for one in lowest),
        "  taken for another: " + "  ".join(f"{one}->{other} {number}" for (one, other), number in worst),
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
