"""What withdrawn samples are part of: shards, views, models, reports, registered versions; by the files of the root."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.exports import registered_exports
from pipelines.curation.splits import Split
from pipelines.curation.views import View, open_view, stored_digests
from pipelines.errors import PolicyError
from pipelines.layout import Layout

_PROMOTIONS = "promotions.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class AffectedView:
    """A stored view that kept some of them."""

    view: View
    uids: frozenset[str]
    """Withdrawn samples that it kept."""
    num_seen: int
    """Of these, what a training on the view could read: all but held-out concepts."""

    def row(self) -> dict[str, object]:
        return {
            "view": f"{self.view.view}/{self.view.digest}",
            "num_kept": self.view.manifest["num_kept"],
            "num_withdrawn": len(self.uids),
        }


def shards_of(withdrawn: pa.Table) -> list[dict[str, object]]:
    """corpus, snapshot, num_samples, shards of what is withdrawn."""
    shards: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in withdrawn.select(["corpus", "snapshot", "shard"]).to_pylist():
        shards[row["corpus"], row["snapshot"]].append(row["shard"])
    return [
        {"corpus": corpus, "snapshot": snapshot, "num_samples": len(found), "shards": sorted(set(found))}
        for (corpus, snapshot), found in sorted(shards.items())
    ]


def affected_views(layout: Layout, uids: frozenset[str]) -> tuple[list[AffectedView], list[str]]:
    """Those that kept one of the samples, and the names of stored views that cannot be read."""
    found, unreadable = [], []
    for name in storage.names(layout.views()):
        for digest in stored_digests(layout, name):
            try:
                view = open_view(layout, name, digest)
            except PolicyError:
                unreadable.append(f"{name}/{digest}")
                continue
            hit = _kept_of(view, uids)
            if len(hit):
                seen = hit.filter(pc.field("split") != str(Split.HELD_OUT_CONCEPT))
                found.append(
                    AffectedView(view=view, uids=frozenset(map(str, hit["uid"].to_pylist())), num_seen=len(seen))
                )
    return found, unreadable


def _kept_of(view: View, uids: frozenset[str]) -> pa.Table:
    """uid and split of the samples that the view kept when it was curated."""
    wanted = pc.field("uid").isin(pa.array(sorted(uids), pa.string())) & pc.field("kept")
    return view.decided(["uid", "kept", "split"]).filter(wanted)


def models_that_saw(layout: Layout, views: Sequence[AffectedView]) -> list[dict[str, object]]:
    """Bundles trained on such a view, and those that started from one of them, with the versions promoted of each."""
    seen = {(one.view.view, one.view.digest): one.num_seen for one in views if one.num_seen}
    bundles = dict(_bundles(layout))
    versions = _versions(layout)
    found: dict[str, dict[str, object]] = {}
    for key, facts in bundles.items():
        line = list(_ancestors(key, bundles))
        hits = [(one, seen.get((str(one.get("view")), str(one.get("view_digest"))), 0)) for one in _views(line)]
        num_own = len(list(_views([facts])))
        num_seen = max((count for _, count in hits), default=0)
        if num_seen:
            found[key] = {
                "run_key": key,
                "model_digest": facts.get("model_digest", ""),
                "recipe": facts.get("recipe", ""),
                "num_samples_seen": num_seen,
                "view": next(f"{one['view']}/{one['view_digest']}" for one, count in hits if count),
                "by": "training" if any(count for _, count in hits[:num_own]) else "the model it started from",
                "versions": versions.get(key, []),
            }
    return [found[key] for key in sorted(found)]


def reports_of(layout: Layout, views: Sequence[AffectedView]) -> list[str]:
    """Evaluations on such a view."""
    names = {(one.view.view, one.view.digest) for one in views}
    folder = layout.report("").rstrip("/")
    found = []
    for suite in storage.names(folder):
        for key in storage.names(f"{folder}/{suite}"):
            uri = f"{folder}/{suite}/{key}/report.json"
            if storage.exists(uri):
                report = storage.read_json(uri)
                if (report.get("view"), report.get("view_digest")) in names:
                    found.append(uri)
    return found


def exports_of(layout: Layout, withdrawn: pa.Table, views: Sequence[AffectedView]) -> list[str]:
    """Folders outside that got such a view, or such a snapshot whole, as FORMAT OUTPUT."""
    names = {(one.view.view, one.view.digest) for one in views}
    pairs = withdrawn.select(["corpus", "snapshot"]).to_pylist()
    snapshots = {f"{row['corpus']}/{row['snapshot']}" for row in pairs}
    found = [
        f"{export.format} {export.output}"
        for export in registered_exports(layout)
        if ((export.view, export.view_digest) in names if export.view else snapshots.intersection(export.snapshots))
    ]
    return list(dict.fromkeys(found))


def _bundles(layout: Layout) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run key -> provenance."""
    for key in storage.names(layout.checkpoints()):
        uri = f"{layout.checkpoints(key)}/bundle/provenance.json"
        if storage.exists(uri):
            yield key, storage.read_json(uri)


def _views(line: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All views that bundles were trained on, those of the first one first."""
    for facts in line:
        yield from facts.get("views") or [facts]


def _ancestors(key: str, bundles: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The bundle, the one that it started from, and so on; a parent is known by the run key in its path."""
    passed: set[str] = set()
    while key in bundles and key not in passed:
        passed.add(key)
        yield bundles[key]
        parts = str(bundles[key].get("parent_bundle") or "").rstrip("/").split("/")
        key = parts[-2] if len(parts) > 1 else ""


def _versions(layout: Layout) -> dict[str, list[str]]:
    """Run key -> NAME/VERSION, of everything that the ledger of promotions names."""
    uri = layout.ledger(_PROMOTIONS)
    found: dict[str, list[str]] = defaultdict(list)
    if storage.exists(uri):
        for line in storage.read_bytes(uri).decode().splitlines():
            move = json.loads(line)
            name = f"{move['name']}/{move['to_version']}"
            if name not in found[move["run_key"]]:
                found[move["run_key"]].append(name)
    return found
