"""The verb `score`: alignment signals of a snapshot, by an aligner."""

import argparse
from dataclasses import asdict
from typing import Any

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.storage import read_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `score`."""
    parser.add_argument("model", help="folder of an aligner's bundle")
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--snapshot", required=True)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Score what is missing; samples that the model was trained on are marked."""
    from mmmodels.alignment.bundle import load_aligner
    from mmmodels.alignment.scoring import trained_on
    from pipelines.signals.alignment import score_alignment

    layout, provenance = Layout(args.root), read_json(f"{args.model}/provenance.json")
    snapshot = Snapshot(corpus=args.corpus, snapshot=args.snapshot)
    report = score_alignment(layout, snapshot, load_aligner(args.model), trained_on=trained_on(layout, provenance))
    return {**asdict(report), "snapshot": str(snapshot)}
