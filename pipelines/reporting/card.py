"""The data card of a view: one HTML file without scripts or other files, in light and dark, on any width, for print."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from html import escape

import pyarrow as pa

from pipelines.curation.parsing import Query
from pipelines.curation.views import View
from pipelines.curation.withdrawing import withdrawn
from pipelines.reporting.charts import histogram
from pipelines.reporting.choosing import of_each_fate
from pipelines.reporting.fates import NUM_KEPT, fates
from pipelines.reporting.funnel import HOW_TO_READ, composition, rules_table
from pipelines.reporting.gallery import Gallery
from pipelines.reporting.head import head, over
from pipelines.reporting.measured import Distribution, Measured
from pipelines.reporting.page import contents, page, section
from pipelines.reporting.policies import policy_of, query_of
from pipelines.reporting.provenance import inputs_section, policy_section
from pipelines.reporting.twins import contamination_of, duplicates_of

MAX_PAGE_BYTES = 8_000_000
_ALWAYS_SHOWN = ("luminance_mean", "sharpness", "snr_db", "image_text_score", "audio_text_score", "image_audio_score")


_HOW_ALIKE = "What hangs together, the best of it first: the best that survives every other rule is kept."
_WHY_DROPPED = "Samples that an evaluation set asks already, beside what it asks."


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A section of the card."""

    name: str
    note: str
    """HTML under the heading."""
    draw: Callable[[Gallery], str]
    """The section's HTML, with as many pictures and clips as the gallery has room for; empty: no such section."""
    share: float = 0.0
    """Of the room for pictures and clips; what a section leaves, the next one gets."""


def card_of(view: View, *, page_bytes: int = MAX_PAGE_BYTES) -> str:
    """The card as HTML; pictures and clips are left out once the page would be larger than `page_bytes`."""
    parts = list(_parts(view))
    words = len(_drawn(view, parts, media_bytes=0).encode())
    return _drawn(view, parts, media_bytes=page_bytes - words)


def _drawn(view: View, parts: list[Part], *, media_bytes: int) -> str:
    gallery, drawn = Gallery(layout=view.layout, left=0), {}
    for part in parts:
        gallery.left += int(part.share * media_bytes)
        drawn[part] = part.draw(gallery)
    there = {part: body for part, body in drawn.items() if body}
    sections = "".join(section(part.name.lower(), part.name, body, note=part.note) for part, body in there.items())
    links = contents({part.name.lower(): part.name for part in there})
    return page(f"{view.view}: {over(view)}", f"{head(view)}{links}{sections}")


def _parts(view: View) -> Iterator[Part]:
    """What is read is read here, once; what is drawn twice costs no more than its words."""
    funnel, query = view.funnel(), query_of(view)
    hidden = withdrawn(view.layout, view.snapshots).select(["uid"])
    yield _words("Rules", HOW_TO_READ, rules_table(funnel))
    chosen = "Chosen by uid, so at random, and the same ones each time."
    yield Part(name="Samples", note=chosen, draw=_fates(view, query, hidden), share=0.6)
    twins = duplicates_of(view, query.policy, hidden)
    yield Part(name="Duplicates", note=_HOW_ALIKE, draw=twins, share=0.3)
    asked = contamination_of(view, query.policy, hidden)
    yield Part(name="Contamination", note=_WHY_DROPPED, draw=asked, share=0.1)
    yield _words(
        "Signals",
        "Over the whole pool; thresholds of the policy are dashed lines. A few far values are drawn at the edges.",
        _histograms(view, query),
    )
    yield _words("Composition", "What the pool is made of, and how much of it is kept.", composition(funnel))
    yield _words("Policy", escape(query.policy.description), policy_section(query.policy, policy_of(view)))
    inputs = inputs_section(view.manifest["inputs"])
    yield _words("Inputs", "Equal inputs give the same view, with the same digest.", inputs)


def _words(name: str, note: str, body: str) -> Part:
    """A section without pictures or clips."""
    return Part(name=name, note=note, draw=lambda _: body)


def _fates(view: View, query: Query, hidden: pa.Table) -> Callable[[Gallery], str]:
    rows = of_each_fate(view, num_each=NUM_KEPT, hidden=hidden)
    dropped_by = {fault: view.manifest["dropped_by_fault"][fault] for fault in view.faults}
    measured = Measured(view=view, names=query.names)
    return partial(fates, rows, dropped_by=dropped_by, query=query, measured=measured)


def _histograms(view: View, query: Query) -> str:
    """Of every numeric column that the policy compares with a parameter, the threshold drawn in, and a few more."""
    measured = Measured(view=view, names=frozenset({*query.thresholds, *_ALWAYS_SHOWN}))
    found = sorted(measured.distributions(), key=lambda one: (one.name not in query.thresholds, one.name))
    charts = "".join(_histogram(one, query) for one in found)
    return f'<div class="charts">{charts}</div>' if charts else ""


def _histogram(one: Distribution, query: Query) -> str:
    limits = {param: query.policy.params[param] for param in query.thresholds.get(one.name, [])}
    numbers = {name: float(limit) for name, limit in limits.items() if isinstance(limit, int | float)}
    return histogram(one.kept, one.dropped, title=one.name, thresholds=numbers, note=one.told, is_whole=one.is_whole)
