"""The page of a packed snapshot: what is in it, what failed and why, and samples to look at and listen to."""

from collections.abc import Iterator
from html import escape

from pipelines import storage
from pipelines.layout import Layout
from pipelines.reporting.choosing import spread_samples
from pipelines.reporting.gallery import MAX_MEDIA_CHARACTERS, Gallery
from pipelines.reporting.page import page, table, tiles
from pipelines.shards.accounting import PackReport
from pipelines.shards.failing import Reason
from pipelines.shards.requests import Downloads

NUM_SHOWN = 24
_MAX_ROWS = 30


def write_packed_page(layout: Layout, report: PackReport, *, reasons: list[Reason], downloads: Downloads | None) -> str:
    """Write `reports/shards/<corpus>/<snapshot>/<digest>.html`; its URI."""
    uri = layout.report(f"shards/{report.snapshot}/{report.digest}.html")
    storage.write_atomic(uri, packed_page(layout, report, reasons=reasons, downloads=downloads).encode())
    return uri


def packed_page(
    layout: Layout,
    report: PackReport,
    *,
    reasons: list[Reason],
    downloads: Downloads | None,
    media_characters: int = MAX_MEDIA_CHARACTERS,
) -> str:
    """The page as HTML; pictures and clips are left out once they would take more than `media_characters`."""
    gallery = Gallery(layout=layout, left=media_characters)
    figures = "".join(gallery.figures(spread_samples(layout, report.snapshot, NUM_SHOWN)))
    body = [
        _head(report),
        f'<h2>Samples, spread over all shards</h2><div class="gallery">{figures}</div>',
        f'<h2>Composition</h2><div class="charts">{"".join(_composition(report))}</div>',
        *_failures(reasons),
        *(_downloads(downloads) if downloads else ()),
    ]
    return page(f"Shards of {report.snapshot}", "".join(body))


def _head(report: PackReport) -> str:
    figures: list[tuple[str, int | str]] = [
        ("records", report.num_records),
        ("samples", report.num_samples),
        ("without a sample", report.num_records - report.num_samples),
        ("shards", report.num_shards),
        ("MB", f"{report.num_bytes / 1e6:,.1f}"),
    ]
    return f"<h1>{escape(str(report.snapshot))}</h1><p><code>{escape(report.digest)}</code></p>{tiles(figures)}"


def _composition(report: PackReport) -> Iterator[str]:
    for name, numbers in (
        ("parts", report.num_by_modalities),
        ("language", report.num_by_language),
        ("licence", report.num_by_license),
        ("status", report.num_by_status),
    ):
        rows = sorted(((key or "(none)", number) for key, number in numbers.items()), key=lambda row: -row[1])
        yield f"<div>{table((name, 'number'), rows[:_MAX_ROWS])}</div>"
    facts = [(name, value) for name, value in sorted(report.facts.items()) if value != ""]
    if facts:
        yield f"<div>{table(('the source says', ''), facts, is_words=True)}</div>"


def _failures(reasons: list[Reason]) -> Iterator[str]:
    if reasons:
        rows = [(one.num_records, one.status, one.message, one.reference, one.example) for one in reasons]
        head = ("records", "status", "reason", "for example", "its message")
        yield f"<h2>Why records failed</h2>{table(head, rows, is_words=True)}"


def _downloads(found: Downloads) -> Iterator[str]:
    yield f"<h2>Downloads</h2><p>{found.num_urls:,} URLs, {found.num_requests:,} requests.</p>"
    yield '<div class="charts">'
    for name, numbers in (
        ("outcome", found.by_outcome),
        ("HTTP status", found.by_http_status),
        ("consent", found.by_consent),
    ):
        yield f"<div>{table((name, 'URLs'), numbers.most_common(_MAX_ROWS))}</div>"
    yield "</div>"
    if hosts := found.worst_hosts():
        rows = [(one.host, one.num_urls, one.num_failed, one.num_slow, one.num_requests) for one in hosts]
        yield f"<h3>Hosts that failed most</h3>{table(('host', 'URLs', 'failed', 'slow', 'requests'), rows)}"
