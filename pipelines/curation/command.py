"""The verb `curate`: a policy over one snapshot, or one of each of several corpora, gives a view."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from pipelines import storage
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import open_view
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.reporting.storing import write_card
from pipelines.samples import Snapshot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `curate`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/ and signals/")
    parser.add_argument(
        "--corpus",
        action="append",
        default=[],
        metavar="CORPUS[/SNAPSHOT]",
        help="needed where the root holds several; given again, the view is over all of them",
    )
    parser.add_argument("--snapshot", help="of the only --corpus; needed where it has several")
    parser.add_argument("--policy", default="default", help="a bundled policy or a .sql file (default: %(default)s)")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="another value for one of its parameters"
    )
    parser.add_argument("--view", required=True, help="name of the view, e.g. main")
    parser.add_argument("--alignment", metavar="FAMILY", help="scores to use, e.g. alignment@0123456789ab")
    parser.add_argument(
        "--relation", action="append", default=[], metavar="FAMILY", help="what relate made, e.g. batches@0123456789ab"
    )
    parser.add_argument(
        "--allow-not-measured", action="store_true", help="drop what was not measured instead of refusing the view"
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """Curate; the report of the view."""
    layout = Layout(args.root)
    snapshots = choose_pool(layout, args.corpus, args.snapshot)
    report = curate(
        layout,
        snapshots,
        policy=load_policy(args.policy),
        view=args.view,
        params=_params(args.param),
        alignment=args.alignment,
        relations=args.relation,
        allow_not_measured=args.allow_not_measured,
    )
    dropped = {fault: count for fault, count in report.dropped_by_fault.items() if count}
    listed = [str(snapshot) for snapshot in snapshots]
    card = write_card(open_view(layout, report.view, report.digest))
    return {**asdict(report), "dropped_by_fault": dropped, "snapshots": listed, "card": card}


def _params(given: list[str]) -> dict[str, object]:
    pairs = [text.partition("=") for text in given]
    for name, sign, _ in pairs:
        if not (name and sign):
            raise PolicyError(f"--param {name}: expected NAME=VALUE, e.g. --param min_image_pixels=64.")
    return {name.removeprefix("$"): value for name, _, value in pairs}


def choose_pool(layout: Layout, corpora: Sequence[str], snapshot: str | None = None) -> list[Snapshot]:
    """What `--corpus` (as `C` or `C/SNAPSHOT`, any number of times) and `--snapshot` mean, in that order."""
    if snapshot and (len(corpora) > 1 or any("/" in corpus for corpus in corpora)):
        raise PolicyError(f"--snapshot {snapshot}: goes with a single --corpus CORPUS. Write --corpus CORPUS/SNAPSHOT.")
    return [_chosen(layout, *_named(corpus, snapshot)) for corpus in corpora or [""]]


def _named(corpus: str, snapshot: str | None) -> tuple[str, str | None]:
    name, _, of_it = corpus.partition("/")
    return name, of_it or snapshot


def _chosen(layout: Layout, corpus: str, snapshot: str | None) -> Snapshot:
    """The only snapshot that is meant; `PolicyError` where there are several or none."""
    found = [
        Snapshot(corpus=name, snapshot=one)
        for name in ([corpus] if corpus else storage.names(layout.corpora()))
        for one in ([snapshot] if snapshot else storage.names(f"{layout.corpora()}/{name}"))
    ]
    if len(found) != 1:
        listed = ", ".join(map(str, found)) or "none"
        raise PolicyError(
            f"{layout.root}: {len(found)} snapshots are meant ({listed}). Name each one with --corpus CORPUS/SNAPSHOT."
        )
    return found[0]
