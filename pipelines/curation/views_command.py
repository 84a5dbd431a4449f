"""The verb `views`: what is stored, what each name stands for today, and since when."""

import argparse
from typing import Any

from pipelines import storage
from pipelines.curation.currents import current_digest, history
from pipelines.curation.views import check_name, stored_digests
from pipelines.errors import PolicyError
from pipelines.layout import Layout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `views`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds views/")
    parser.add_argument("view", nargs="?", help="only this one (default: all)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """By view, the current digest first and the others from new to old."""
    layout = Layout(args.root)
    names = [check_name(args.view)] if args.view else storage.names(layout.views())
    found = {name: listed(layout, name) for name in names}
    if args.view and not found[args.view]:
        known = ", ".join(storage.names(layout.views())) or "none"
        raise PolicyError(f"view {args.view}: nothing stored under this name. Stored: {known}.")
    rows = {name: entries for name, entries in found.items() if entries}
    if args.json:
        return {"views": rows}
    return {name: "".join(f"\n- {_line(entry)}" for entry in entries) for name, entries in rows.items()}


def listed(layout: Layout, view: str) -> list[dict[str, Any]]:
    """digest, is_current, at (of its last turn; empty where that was not kept), policy, params, snapshots, counts."""
    current, turns = current_digest(layout, view), {turn["digest"]: turn["at"] for turn in history(layout, view)}
    entries = []
    for digest in stored_digests(layout, view):
        manifest: dict[str, Any] = storage.read_json(f"{layout.view(view, digest)}/view.json")
        entries.append(
            {
                "digest": digest,
                "is_current": digest == current,
                "at": turns.get(digest, ""),
                "policy": manifest["policy"]["name"],
                "params": manifest["inputs"]["params"],
                "snapshots": [f"{one['corpus']}/{one['snapshot']}" for one in manifest.get("snapshots", [])],
                "num_samples": manifest["num_samples"],
                "num_kept": manifest["num_kept"],
            }
        )
    return sorted(entries, key=lambda entry: (entry["is_current"], entry["at"], entry["digest"]), reverse=True)


def _line(entry: dict[str, Any]) -> str:
    mark = " (current)" if entry["is_current"] else ""
    when = f", {entry['at'][:16].replace('T', ' ')}" if entry["at"] else ""
    kept = f"{entry['num_kept']:,} of {entry['num_samples']:,} kept"
    return f"{entry['digest'][:12]}{mark}: {kept} by {entry['policy']} of {' + '.join(entry['snapshots'])}{when}"
