"""Samples side by side: duplicates with the one that is kept for them, and what an evaluation set asks already."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from itertools import groupby

import pyarrow as pa

from pipelines import storage
from pipelines.curation.contamination import Hit, evaluation_sets_for, find_contamination, read_thresholds
from pipelines.curation.duplicates import DuplicateSettings, find_duplicates
from pipelines.curation.policy import Policy
from pipelines.curation.views import View, open_view
from pipelines.reporting.choosing import Row, by_uid
from pipelines.reporting.gallery import Gallery
from pipelines.reporting.queries import run_sql

NUM_LARGE, NUM_ANY, NUM_MEMBERS = 3, 5, 6
NUM_HITS = 12
Draw = Callable[[Gallery], str]


def duplicates_of(view: View, policy: Policy, hidden: pa.Table) -> Draw:
    """Components of each kind that the policy looks for: the largest and some at random."""
    settings = DuplicateSettings.parse(policy.settings.get("duplicates"), where=policy.where("duplicates"))
    found = find_duplicates(
        view.layout,
        view.snapshots,
        settings=settings,
        allow_not_measured=bool(view.manifest["inputs"]["allow_not_measured"]),
    )
    limits = {"num_large": NUM_LARGE, "num_any": NUM_ANY, "num_members": NUM_MEMBERS}
    table = run_sql("components", params=dict(limits), duplicates=storage.read_table(found.uri), hidden=hidden)
    members = table.to_pylist()
    return partial(_components, members, by_uid(view, [row["uid"] for row in members]), found.num_by_kind)


def contamination_of(view: View, policy: Policy, hidden: pa.Table) -> Draw:
    """Dropped samples beside the evaluation samples that they give away, by what is declared today."""
    if not view.manifest["dropped_by_fault"].get("contaminated"):
        return lambda _: ""
    named = view.manifest["inputs"]["evaluation_sets"]
    sets = evaluation_sets_for(view.layout, view.view, [f"{one['view']}/{one['digest']}" for one in named])
    found = find_contamination(
        view.layout,
        view.snapshots,
        evaluation_sets=sets,
        settings=read_thresholds(policy.settings.get("contamination"), where=policy.where("contamination")),
        allow_not_measured=bool(view.manifest["inputs"]["allow_not_measured"]),
    )
    gone = set(hidden["uid"].to_pylist())
    hits = [hit for hit in found.examples if hit.uid not in gone and hit.evaluation_uid not in gone][:NUM_HITS]
    mine = by_uid(view, [hit.uid for hit in hits])
    asked: dict[str, Row] = {}
    for name, digest in sorted({(hit.evaluation_view, hit.evaluation_digest) for hit in hits}):
        asked.update(by_uid(open_view(view.layout, name, digest), [hit.evaluation_uid for hit in hits]))
    told = [(hit, mine[hit.uid], asked[hit.evaluation_uid]) for hit in hits if hit.evaluation_uid in asked]
    return partial(_hits, told)


def _components(members: list[Row], rows: Mapping[str, Row], num_by_kind: Mapping[str, int], gallery: Gallery) -> str:
    kinds = ((kind, list(group)) for kind, group in groupby(members, key=lambda row: row["kind"]))
    return "".join(_kind(kind, found, rows, num_by_kind.get(kind, 0), gallery) for kind, found in kinds)


def _kind(kind: str, members: list[Row], rows: Mapping[str, Row], number: int, gallery: Gallery) -> str:
    groups = [list(group) for _, group in groupby(members, key=lambda row: row["component"])]
    about = f"{number:,} samples are not the best of their component; {len(groups)} components shown"
    shown = "".join(_group(group, rows, gallery) for group in groups)
    name = escape(kind.replace("_", " "))
    return f"<details open><summary><b>{name}</b> <span>{about}</span></summary>{shown}</details>"


def _group(group: Sequence[Row], rows: Mapping[str, Row], gallery: Gallery) -> str:
    there = [(member, rows[member["uid"]]) for member in group if member["uid"] in rows]
    told = [
        {**row, "badge": _fate(row, is_best=not member["rank"]), "notes": _likeness(member)} for member, row in there
    ]
    number = group[0]["num_samples"]
    about = f"{number:,} samples" + (f", {len(told)} of them shown" if len(told) < number else "")
    return _side_by_side(about, told, gallery)


def _side_by_side(about: str, rows: Sequence[Row], gallery: Gallery) -> str:
    figures = "".join(gallery.figures(rows))
    return f'<div class="group"><small>{escape(about)}</small><div class="gallery">{figures}</div></div>'


def _fate(row: Row, *, is_best: bool) -> str:
    """What became of a member; the best of a component may itself have fallen by another rule."""
    best = "best, " if is_best else ""
    if row["fate"] is None:
        return f'<span class="badge">{best}kept</span>'
    return f'<span class="badge out">{best}dropped: {escape(row["fate"])}</span>'


def _likeness(member: Row) -> list[str]:
    if member["similarity"] is None or not member["rank"]:
        return []
    return [f"similarity <b>{member['similarity']:.3f}</b>"]


def _hits(told: Sequence[tuple[Hit, Row, Row]], gallery: Gallery) -> str:
    return "".join(_pair(hit, mine, asked, gallery) for hit, mine, asked in told)


def _pair(hit: Hit, mine: Row, asked: Row, gallery: Gallery) -> str:
    near = "" if hit.similarity is None else f", similarity {hit.similarity:.3f}"
    about = f"{hit.reason.replace('_', ' ')}{near}; evaluation set {hit.evaluation_view}/{hit.evaluation_digest[:12]}"
    theirs = {**asked, "badge": '<span class="badge">in the evaluation set</span>'}
    return _side_by_side(about, [{**mine, "badge": _fate(mine, is_best=False)}, theirs], gallery)
