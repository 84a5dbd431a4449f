"""The beginning of a data card: what the view is, how much it keeps, and what names it."""

from collections import Counter
from html import escape

from pipelines.curation.splits import Split
from pipelines.curation.views import View
from pipelines.reporting.charts import share_bar
from pipelines.reporting.croissant import made_at
from pipelines.reporting.page import Markup, facts, tiles


def head(view: View) -> str:
    """A <header>: one sentence, one bar, the splits, the digests."""
    policy, samples, gone = view.manifest["policy"]["name"], view.manifest["num_samples"], len(view.withdrawn())
    kept = view.manifest["num_kept"] - gone
    share = f"{100 * kept / max(samples, 1):.1f}%"
    return (
        f'<header class="head"><p class="kind">Data card</p><h1>{escape(view.view)}</h1>'
        f'<p class="lead"><b>{kept:,}</b> of {samples:,} samples of <b>{escape(over(view))}</b> are kept by the policy '
        f"<b>{escape(policy)}</b>, {share}.</p>"
        f"{_bar(view, gone)}{tiles(_figures(view, gone))}{facts(_facts(view, gone))}</header>"
    )


def over(view: View) -> str:
    """Its snapshots, in words."""
    return ", ".join(map(str, view.snapshots))


def _bar(view: View, gone: int) -> str:
    kept, samples, records = (view.manifest[name] for name in ("num_kept", "num_samples", "num_records"))
    parts = [
        ("k", kept - gone, "kept"),
        ("d", samples - kept, "dropped by rules"),
        ("r", records - samples + gone, "records without a sample, or withdrawn"),
    ]
    told = [(kind, f"{number:,} {what}") for kind, number, what in parts if number or kind == "k"]
    legend = "".join(f'<li class="{kind}">{words}</li>' for kind, words in told)
    label = ", ".join(words for _, words in told)
    bar = share_bar([(kind, number) for kind, number, _ in parts], of=records, label=label)
    return f'{bar}<ul class="legend">{legend}</ul>'


def _figures(view: View, gone: int) -> list[tuple[str, int | str]]:
    by_split = view.manifest["num_kept_by_split"]
    if gone:
        verdicts = view.verdicts(["kept", "split"])
        by_split = Counter(verdicts.filter(verdicts["kept"])["split"].to_pylist())
    figures = [
        ("kept", view.manifest["num_kept"] - gone),
        *((split.replace("_", " "), by_split[split]) for split in Split),
    ]
    return [*figures, ("withdrawn since", gone)] if gone else figures


def _facts(view: View, gone: int) -> list[tuple[str, object]]:
    policy = view.manifest["policy"]
    told = f"{gone:,} of the kept samples; they are left out everywhere, the rules below are as they were decided"
    return [
        ("Digest", Markup(f"<code>{escape(view.digest)}</code>")),
        ("Curated", f"{made_at(view):%Y-%m-%d %H:%M} UTC"),
        ("Snapshots", over(view)),
        ("Policy", f"{policy['name']}, sha256 {policy['sha256'][:12]}"),
        ("Scoring model", view.manifest["alignment"] or "none"),
        *([("Withdrawn since", told), ("Effective digest", view.effective_digest)] if gone else []),
    ]
