"""The verb `relate`: what samples are to entries, synsets, centroids, target images, each other, or others' scores."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pyarrow.compute as pc

from pipelines import storage
from pipelines.curation.given_scores import KEYS, MASKED, SCORES, GivenScores, import_scores
from pipelines.curation.views import find_view
from pipelines.errors import SignalError
from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot, digest_of
from pipelines.shards.snapshots import choose_snapshots
from pipelines.signals.relating.batches import Batches, relate_batches
from pipelines.signals.relating.centroids import centroids_relation
from pipelines.signals.relating.entries import entries_relation
from pipelines.signals.relating.relations import Relation, relate
from pipelines.signals.relating.synsets import synsets_relation
from pipelines.signals.relating.targets import targets_relation
from pipelines.signals.relating.wording import own_entries
from pipelines.signals.vectors import iterate_vectors

_NEEDS: Mapping[str, Sequence[str]] = {
    "entries": (),
    "synsets": ("list", "wordnet"),
    "centroids": ("embeddings", "centroids"),
    "targets": ("embeddings", "targets"),
    "batches": ("embeddings",),
    "scores": ("table", "key", "score"),
    "masked": ("table", "key", "score"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `relate`."""
    parser.add_argument("family", choices=list(_NEEDS), metavar="FAMILY", help=f"one of {', '.join(_NEEDS)}")
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/ and signals/")
    parser.add_argument("--corpus", help="only this corpus (default: all under the root)")
    parser.add_argument("--snapshot", help="only this snapshot of the corpus")
    parser.add_argument("--workers", type=int, default=1, help="processes; 0 is one per core (default: %(default)s)")
    texts = parser.add_argument_group("entries (MetaCLIP), synsets (DataComp's text-based baseline)")
    texts.add_argument("--list", metavar="FILE", help="JSON list or one a line; entries without: the corpus' own words")
    texts.add_argument(
        "--min-count", type=int, default=20, help="captions that have an own word (default: %(default)s)"
    )
    texts.add_argument("--ignore-case", action="store_true", help="of entries; the published matching does not")
    texts.add_argument("--wordnet", metavar="FOLDER", help="that holds index.noun, for synsets")
    images = parser.add_argument_group("centroids (DataComp's image-based baseline), targets (NormSim), batches")
    images.add_argument("--embeddings", metavar="FAMILY", help="vectors to use, e.g. embeddings@0123456789ab")
    images.add_argument("--centroids", metavar="FILE.npy", help="(n, d) numbers")
    images.add_argument("--targets", metavar="FILE.npy|VIEW/DIGEST", help="(n, d) vectors, or a view's kept images")
    images.add_argument("--batch-size", type=int, default=32_768, help="pairs (default: %(default)s)")
    images.add_argument("--divisions", type=int, default=10, help="of the pool into batches (default: %(default)s)")
    images.add_argument("--temperature", type=float, default=0.01, help="of the model (default: %(default)s)")
    given = parser.add_argument_group("scores (an alignment family), masked (T-MARS) that others computed")
    given.add_argument("--table", metavar="FILE|FOLDER", help="Parquet, e.g. DataComp's metadata")
    given.add_argument("--key", choices=KEYS, help="what it shares with the sidecars")
    given.add_argument("--table-key", default="", metavar="COLUMN", help="where the table calls it otherwise")
    given.add_argument("--score", metavar="COLUMN", help="e.g. clip_l14_similarity_score")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Measure what is missing; the family's key, and reports by snapshot."""
    lacking = [f"--{name}" for name in _NEEDS[args.family] if not getattr(args, name)]
    if lacking:
        raise SignalError(f"relate {args.family}: {' and '.join(lacking)} not given. See: relate --help.")
    layout = Layout(args.root)
    snapshots = choose_snapshots(layout, corpus=args.corpus, snapshot=args.snapshot)
    if args.family == "batches":
        batches = Batches(
            embeddings=args.embeddings,
            batch_size=args.batch_size,
            num_divisions=args.divisions,
            temperature=args.temperature,
        )
        reports = {str(one): relate_batches(layout, one, batches) for one in snapshots}
    elif args.family in (SCORES, MASKED):
        given = GivenScores(
            table=args.table, key=args.key, column=args.score, family=args.family, table_key=args.table_key
        )
        reports = {str(one): import_scores(layout, one, given) for one in snapshots}
    else:
        relation = _relation(args, layout, snapshots)
        reports = {str(one): relate(layout, one, relation, num_workers=args.workers) for one in snapshots}
    return {
        "family": next(iter(reports.values())).key,
        "snapshots": {name: asdict(report) for name, report in reports.items()},
    }


def _relation(args: argparse.Namespace, layout: Layout, snapshots: Sequence[Snapshot]) -> Relation:
    if args.family == "entries":
        uri = args.list or _own_list(layout, snapshots, args.min_count)
        return entries_relation(uri, ignore_case=args.ignore_case)
    if args.family == "synsets":
        return synsets_relation(args.list, args.wordnet)
    targets = _target_file(layout, args.targets, args.embeddings) if args.targets else ""
    if args.family == "centroids":
        return centroids_relation(args.embeddings, args.centroids, targets)
    return targets_relation(args.embeddings, targets)


def _own_list(layout: Layout, snapshots: Sequence[Snapshot], min_count: int) -> str:
    """Kept with the root: positions in it are what the signal says."""
    entries = own_entries(layout, snapshots, min_count=min_count)
    uri = layout.reference(f"entries-{digest_of(entries)[:12]}.json")
    if not storage.exists(uri):
        storage.write_atomic(uri, json.dumps(entries, ensure_ascii=False, indent=0).encode() + b"\n")
    return uri


def _target_file(layout: Layout, targets: str, embeddings: str) -> str:
    """A file as it is; of a view the vectors of its kept images, in a file of the cache."""
    if targets.endswith(".npy"):
        return targets
    view = find_view(layout, targets)
    uri = layout.cache(f"targets/{digest_of([view.digest, embeddings])[:12]}.npy")
    if not storage.exists(uri):
        kept = view.table(["uid"])["uid"].combine_chunks()
        parts = [
            vectors[pc.is_in(uids, value_set=kept).to_numpy(zero_copy_only=False)]
            for snapshot in view.snapshots
            for uids, vectors in iterate_vectors(layout, snapshot, embeddings, Modality.IMAGE)
        ]
        found = np.concatenate(parts)
        if not len(found):
            raise SignalError(f"view {targets}: no kept sample has an image vector in {embeddings}. Name another view.")
        with storage.replacing(uri) as path, path.open("wb") as file:
            np.save(file, found, allow_pickle=False)
    return uri
