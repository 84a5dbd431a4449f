"""The verb `forget`: samples out of every view at once, and what they were part of."""

import argparse
import getpass
from pathlib import Path

import pyarrow as pa

from pipelines import storage
from pipelines.curation.forgetting.asking import Wish, refuse_unmatched, tombstones_of, wish, wishes_in
from pipelines.curation.forgetting.consequences import (
    affected_views,
    exports_of,
    models_that_saw,
    reports_of,
    shards_of,
)
from pipelines.curation.subset import write_subset
from pipelines.curation.withdrawing import FINGERPRINTS, resolve, withdrawn
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.reporting.storing import renew_pages
from pipelines.samples import Snapshot
from pipelines.shards.snapshots import all_snapshots
from pipelines.shards.tombstones import add_tombstones

_MAX_UIDS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `forget`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/, views/ and ledger/")
    parser.add_argument("--uid", action="append", default=[], help="a sample; may be given again, as all of these")
    parser.add_argument("--host", action="append", default=[], help="everything from a host, and from hosts below it")
    parser.add_argument("--sha256", action="append", default=[], help="of an image or clip, as it came or is stored")
    parser.add_argument("--phash", action="append", default=[], metavar="HEX", help="pictures of a perceptual hash")
    parser.add_argument("--distance", type=int, default=0, help="bits in which they may differ (default: %(default)s)")
    parser.add_argument(
        "--from-file", type=Path, action="append", default=[], metavar="FILE", help="a line each: KIND VALUE, or a uid"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="add nothing: what the whole ledger takes, by consent that was asked again too; mends files of views",
    )
    parser.add_argument("--reason", default="", help="why, for the ledger")
    parser.add_argument("--who", help="who asks, for the ledger (default: the user of this process)")
    parser.add_argument("--dry-run", action="store_true", help="only say what it would take; writes nothing")
    parser.add_argument(
        "--keep-anyway", action="store_true", help="also where nothing matches now: what is packed later may"
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """What was withdrawn, and the views, models, reports and exports that know it."""
    layout = Layout(args.root)
    wishes = _wishes(args)
    snapshots = all_snapshots(layout)
    if args.all:
        return {"dry_run": args.dry_run, **_told(layout, withdrawn(layout, snapshots), is_dry=args.dry_run)}
    asked = tombstones_of(wishes, reason=args.reason, who=args.who or getpass.getuser())
    found = resolve(layout, snapshots, asked)
    if not args.keep_anyway:
        refuse_unmatched(wishes, found.matched, root=layout.root)
    num_added = 0 if args.dry_run else add_tombstones(layout, asked)
    told: dict[str, object] = {"dry_run": args.dry_run, "num_tombstones_added": num_added}
    told |= _told(layout, found.samples, is_dry=args.dry_run)
    by_picture = any(one.kind == "phash" for one in wishes)
    blind = [str(one) for one in snapshots if by_picture and _is_blind(layout, one)]
    return told | ({"not_compared_for_want_of_fingerprints": blind} if blind else {})


def _wishes(args: argparse.Namespace) -> list[Wish]:
    wishes = [
        *(wish("uid", value) for value in args.uid),
        *(wish("host", value) for value in args.host),
        *(wish("sha256", value) for value in args.sha256),
        *(wish("phash", value, distance=args.distance) for value in args.phash),
        *(one for path in args.from_file for one in wishes_in(path, distance=args.distance)),
    ]
    if not wishes and not args.all:
        raise PolicyError("forget: nothing to forget. Name it with --uid, --host, --sha256, --phash or --from-file.")
    return list(dict.fromkeys(wishes))


def _is_blind(layout: Layout, snapshot: Snapshot) -> bool:
    """Whether its pictures have no perceptual hash to compare."""
    return not storage.names(layout.signals(FINGERPRINTS, snapshot), ".parquet")


def _told(layout: Layout, found: pa.Table, *, is_dry: bool) -> dict[str, object]:
    uids = frozenset(str(uid) for uid in found["uid"].to_pylist())
    views, unreadable = affected_views(layout, uids)
    if not is_dry:
        for one in views:
            write_subset(one.view)
        pairs = found.select(["corpus", "snapshot"]).group_by(["corpus", "snapshot"]).aggregate([]).to_pylist()
        renew_pages(layout, [Snapshot(**pair) for pair in pairs])
    told: dict[str, object] = {
        "num_samples": len(uids),
        "uids": sorted(uids)[:_MAX_UIDS],
        "snapshots": shards_of(found),
        "views": [one.row() for one in views],
        "models": models_that_saw(layout, views),
        "reports": reports_of(layout, views),
        "exports": exports_of(layout, found, views),
        "next": f"python -m pipelines pack --erase --root {layout.root}",
    }
    return told | ({"views_of_an_earlier_release": unreadable} if unreadable else {})
