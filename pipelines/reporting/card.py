"""The data card of a view: one HTML file without links, scripts or other files, in light and dark, on any width."""

from collections.abc import Iterator
from html import escape
from typing import Any

import pyarrow as pa

from pipelines import storage
from pipelines.curation.parsing import Query, parse
from pipelines.curation.policy import parse_policy
from pipelines.curation.pool import families_by_key, read_pool
from pipelines.curation.queries import run_sql
from pipelines.curation.splits import Split
from pipelines.curation.views import View
from pipelines.reporting.charts import funnel_svg, histogram_svg
from pipelines.reporting.gallery import MAX_MEDIA_BYTES, Gallery
from pipelines.shards.reading import read_sidecars

SAMPLES_PER_FAULT = 8
_ALWAYS_SHOWN = ("luminance_mean", "sharpness", "snr_db", "image_text_score", "audio_text_score", "image_audio_score")
_PARTS = ("split", "language", "modalities", "source", "license")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body><main>{body}</main></body></html>
"""
_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5c6773;--line:#dde2e8;--page:#f4f6f8;--sheet:#fff;--mark:#3b6fd4}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b1;--line:#2c3440;--page:#0f1319;--sheet:#171c24;
--mark:#6f9bf0}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 64px}h1{margin:0;font-size:26px}
h2{margin:36px 0 12px;font-size:18px}
h3{margin:24px 0 8px;font-size:15px}p{margin:10px 0;color:var(--soft)}code{overflow-wrap:anywhere}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px;margin:20px 0}
.figures div{background:var(--sheet);border-radius:8px;padding:12px 14px}.figures b{display:block;font-size:22px}
.figures span{color:var(--soft);font-size:13px}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:12px}
svg{width:100%;height:auto;display:block}.funnel{max-width:800px}.scroll{overflow-x:auto;background:var(--sheet);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:14px}th,td{padding:6px 12px;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--line)}th:first-child,td:first-child{text-align:left;white-space:normal}
tr:last-child td{border-bottom:0}th{font-weight:600;color:var(--soft)}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(128px,1fr));gap:12px}
figure{margin:0;padding:8px;background:var(--sheet);border-radius:8px;display:flex;flex-direction:column;gap:6px}
figure img{width:100%;height:112px;object-fit:contain;background:#fff;border-radius:4px}
.none{height:112px;display:grid;place-items:center;color:var(--soft);font-size:12px;border:1px dashed var(--line);
border-radius:4px}figcaption{font-size:13px;flex:1}q{quotes:none;display:-webkit-box;-webkit-line-clamp:4;
-webkit-box-orient:vertical;overflow:hidden;overflow-wrap:anywhere}small{display:block;color:var(--soft);font-size:11px;
overflow-wrap:anywhere}audio{width:100%;height:30px}
"""


def card_of(view: View, *, media_bytes: int = MAX_MEDIA_BYTES) -> str:
    """The card as HTML; pictures and clips are left out once they would take more than `media_bytes`."""
    funnel = view.funnel()
    title = f"{view.view}: {view.snapshot}"
    body = "".join(
        [
            _head(view),
            "<h2>What each rule does</h2>",
            f'<div class="funnel">{funnel_svg(funnel, title="From records to kept samples")}</div>{_rules(funnel)}',
            f'<h2>Signals</h2><div class="charts">{"".join(_histograms(view))}</div>',
            f'<h2>Composition</h2><div class="charts">{"".join(_composition(funnel))}</div>',
            *_galleries(view, media_bytes),
        ]
    )
    return _PAGE.format(title=escape(title), style=_STYLE, body=body)


def _head(view: View) -> str:
    facts = view.manifest
    policy, kept, samples = facts["policy"], facts["num_kept"], facts["num_samples"]
    share = f"{100 * kept / max(samples, 1):.1f} %"
    figures = [("records", facts["num_records"]), ("samples", samples), (f"kept, {share}", kept)]
    figures += [(split.replace("_", " "), facts["num_kept_by_split"][split]) for split in Split]
    cells = "".join(f"<div><b>{count:,}</b><span>{escape(name)}</span></div>" for name, count in figures)
    return (
        f"<h1>{escape(view.view)}</h1>"
        f"<p>{escape(str(view.snapshot))} under the policy <b>{escape(policy['name'])}</b>. "
        f'{escape(policy["description"])}</p><p><code>{view.digest}</code></p><div class="figures">{cells}</div>'
    )


def _rules(funnel: pa.Table) -> str:
    rows = [row for row in funnel.to_pylist() if row["section"] == "all"]
    cells = [(row["fault"], row["num_marginal"], row["num_first"], row["num_only"]) for row in rows]
    note = "Have it: samples with the fault. Fall by it: it is their first. Only by it: kept without this rule."
    busy = _table(("fault", "have it", "fall by it", "only by it"), [cell for cell in cells if cell[1]])
    quiet = ", ".join(escape(name) for name, number, *_ in cells if not number)
    return f"<p>{note}</p>{busy}<p>Dropped nothing: {quiet or 'none'}.</p>"


def _composition(funnel: pa.Table) -> Iterator[str]:
    for part in _PARTS:
        rows = [row for row in funnel.to_pylist() if row["section"] == part]
        last = max((row["position"] for row in rows), default=0)
        samples = {row["value"]: row["num_before"] for row in rows if row["position"] == 0}
        kept = {row["value"]: row["num_before"] - row["num_first"] for row in rows if row["position"] == last}
        cells = [
            (value or "(none)", samples[value], kept[value]) for value in sorted(samples, key=lambda v: -samples[v])
        ]
        yield f"<div>{_table((part, 'samples', 'kept'), cells[:20])}</div>"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    def line(tag: str, cells: tuple[Any, ...]) -> str:
        texts = (f"{cell:,}" if isinstance(cell, int) else escape(str(cell)) for cell in cells)
        return "<tr>" + "".join(f"<{tag}>{text}</{tag}>" for text in texts) + "</tr>"

    body = "".join(line("td", row) for row in rows)
    return f'<div class="scroll"><table>{line("th", head)}{body}</table></div>'


def _histograms(view: View) -> Iterator[str]:
    """Of every numeric column that the policy compares with a parameter, the threshold drawn in, and a few more."""
    query = _query(view)
    families = families_by_key(view.manifest["inputs"]["signals"])
    names = {*query.thresholds, *_ALWAYS_SHOWN}
    samples = read_pool(view.layout, view.snapshot, families, names).samples
    for name in sorted(names.intersection(samples.column_names)):
        if pa.types.is_integer(samples[name].type) or pa.types.is_floating(samples[name].type):
            limits = [query.policy.params[param] for param in query.thresholds.get(name, [])]
            numbers = [float(limit) for limit in limits if isinstance(limit, int | float)]
            yield histogram_svg(samples[name].cast(pa.float64()).to_numpy(), title=name, thresholds=numbers)


def _query(view: View) -> Query:
    sql = storage.read_bytes(f"{view.uri}/policy.sql").decode()
    params = storage.read_json(f"{view.uri}/params.json")
    return parse(parse_policy(view.manifest["policy"]["name"], sql).with_params(params))


def _galleries(view: View, media_bytes: int) -> Iterator[str]:
    records = read_sidecars(view.layout, view.snapshot)
    picked = run_sql(
        "gallery",
        params={"num_each": SAMPLES_PER_FAULT},
        verdicts=view.verdicts(["uid", "first_fault"]),
        records=records,
    )
    gallery = Gallery(layout=view.layout, snapshot=view.snapshot, left=media_bytes)
    for fate in (None, *view.faults):
        rows = [row for row in picked.to_pylist() if row["fate"] == fate]
        if rows:
            title = "<h2>Kept</h2>" if fate is None else f"<h2>Dropped: {escape(fate)}</h2>"
            yield f'{title}<div class="gallery">{"".join(gallery.figures(rows))}</div>'
