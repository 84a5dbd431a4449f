"""The data card of a view: one HTML file without links, scripts or other files, in light and dark, on any width."""

from collections.abc import Iterator
from html import escape

import pyarrow as pa

from pipelines import storage
from pipelines.curation.parsing import Query, parse
from pipelines.curation.policy import parse_policy
from pipelines.curation.pool import families_by_key, read_pool
from pipelines.curation.queries import run_sql
from pipelines.curation.records import read_records
from pipelines.curation.splits import Split
from pipelines.curation.views import View
from pipelines.reporting.charts import funnel_svg, histogram_svg
from pipelines.reporting.gallery import MAX_MEDIA_BYTES, Gallery
from pipelines.reporting.page import page, table, tiles

SAMPLES_PER_FAULT = 8
_ALWAYS_SHOWN = ("luminance_mean", "sharpness", "snr_db", "image_text_score", "audio_text_score", "image_audio_score")
_PARTS = ("split", "language", "modalities", "source", "license")


def card_of(view: View, *, media_bytes: int = MAX_MEDIA_BYTES) -> str:
    """The card as HTML; pictures and clips are left out once they would take more than `media_bytes`."""
    funnel = view.funnel()
    title = f"{view.view}: {_over(view)}"
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
    return page(title, body)


def _over(view: View) -> str:
    return ", ".join(map(str, view.snapshots))


def _head(view: View) -> str:
    facts = view.manifest
    policy, kept, samples = facts["policy"], facts["num_kept"], facts["num_samples"]
    share = f"{100 * kept / max(samples, 1):.1f} %"
    figures = [("records", facts["num_records"]), ("samples", samples), (f"kept, {share}", kept)]
    figures += [(split.replace("_", " "), facts["num_kept_by_split"][split]) for split in Split]
    return (
        f"<h1>{escape(view.view)}</h1>"
        f"<p>{escape(_over(view))} under the policy <b>{escape(policy['name'])}</b>. "
        f"{escape(policy['description'])}</p><p><code>{view.digest}</code></p>{tiles(figures)}"
    )


def _rules(funnel: pa.Table) -> str:
    rows = [row for row in funnel.to_pylist() if row["section"] == "all"]
    cells = [(row["fault"], row["num_marginal"], row["num_first"], row["num_only"]) for row in rows]
    note = "Have it: samples with the fault. Fall by it: it is their first. Only by it: kept without this rule."
    busy = table(("fault", "have it", "fall by it", "only by it"), [cell for cell in cells if cell[1]])
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
        yield f"<div>{table((part, 'samples', 'kept'), cells[:20])}</div>"


def _histograms(view: View) -> Iterator[str]:
    """Of every numeric column that the policy compares with a parameter, the threshold drawn in, and a few more."""
    query = _query(view)
    families = families_by_key(view.manifest["inputs"]["signals"])
    names = {*query.thresholds, *_ALWAYS_SHOWN}
    samples = read_pool(view.layout, view.snapshots, families, names).samples
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
    records = read_records(view.layout, view.snapshots)
    picked = run_sql(
        "gallery",
        params={"num_each": SAMPLES_PER_FAULT},
        verdicts=view.verdicts(["uid", "corpus", "first_fault"]),
        records=records,
    )
    gallery = Gallery(layout=view.layout, left=media_bytes)
    for fate in (None, *view.faults):
        rows = [row for row in picked.to_pylist() if row["fate"] == fate]
        if rows:
            title = "<h2>Kept</h2>" if fate is None else f"<h2>Dropped: {escape(fate)}</h2>"
            yield f'{title}<div class="gallery">{"".join(gallery.figures(rows))}</div>'
