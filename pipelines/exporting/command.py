"""The verb `export`: a snapshot, or what a view keeps, as foreign readers want it."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.curation.splits import Split
from pipelines.curation.views import find_view
from pipelines.errors import PolicyError, ShardError
from pipelines.exporting.arranging import Arrangement
from pipelines.exporting.datacomp import export_datacomp
from pipelines.exporting.energon import export_energon
from pipelines.exporting.handing import Handing, Result, hand_over
from pipelines.exporting.huggingface import export_huggingface
from pipelines.exporting.laion_clap import export_laion_clap
from pipelines.exporting.open_clip import export_open_clip
from pipelines.exporting.selecting import Selection, absolute, kept_by, whole_snapshot
from pipelines.exporting.verdicts import export_verdicts
from pipelines.exporting.wids import export_wids
from pipelines.layout import Layout
from pipelines.samples import Modality
from pipelines.shards.planning import Limits
from pipelines.shards.snapshots import choose_snapshots


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """How one reader is served."""

    export: Callable[[Handing], Result]
    about: str
    options: frozenset[str]
    """Of the arrangement, that it can follow."""
    is_for_training: bool = True
    """What a view holds out is left out unless asked for."""


_COPY = frozenset({"samples_per_shard", "target_bytes", "modalities", "only", "homogeneous", "weights", "shuffle"})


def _export_shards(handing: Handing) -> Result:
    return handing.copied().totals()


FORMATS = {
    "shards": Format(
        export=_export_shards, about="new shards: a root of its own", options=_COPY, is_for_training=False
    ),
    "open_clip": Format(export=export_open_clip, about="sizes.json, train_arguments.txt", options=_COPY),
    "laion_clap": Format(export=export_laion_clap, about="clips with captions, sizes.json", options=_COPY),
    "wids": Format(export=export_wids, about="index.json", options=_COPY),
    "huggingface": Format(
        export=export_huggingface,
        about="README.md with features and splits",
        options=_COPY,
        is_for_training=False,
    ),
    "energon": Format(export=export_energon, about=".nv-meta over the tars as they are", options=frozenset()),
    "datacomp": Format(
        export=export_datacomp, about="uids.npy over the tars as they are", options=frozenset({"weights"})
    ),
    "verdicts": Format(
        export=export_verdicts,
        about="every sample of a view, kept or not and why, as CSV and Parquet",
        options=frozenset(),
        is_for_training=False,
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `export`."""
    about = "; ".join(f"{name}: {one.about}" for name, one in FORMATS.items())
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/")
    parser.add_argument("--view", help="only what this view keeps, as view or view/digest")
    parser.add_argument("--corpus", help="without --view: default is the only one")
    parser.add_argument("--snapshot", help="without --view: default is the only one of the corpus")
    parser.add_argument("--format", required=True, choices=tuple(FORMATS), help=about)
    parser.add_argument("--output", required=True, help="empty folder or URI; the same command goes on in it")
    parser.add_argument(
        "--workers", type=int, default=2, help="shards at a time; 0 is one per core (default: %(default)s)"
    )
    parser.add_argument(
        "--split",
        nargs="+",
        choices=[str(split) for split in Split],
        help="of a view: only these (default: train; all of them for "
        f"{', '.join(name for name, one in FORMATS.items() if not one.is_for_training)})",
    )
    copying = parser.add_argument_group(
        "new shards", "Members are copied as they lie. For formats that need new shards of a view; keys stay the uids."
    )
    limits = Limits()
    copying.add_argument("--samples-per-shard", type=int, help=f"at most (default: {limits.samples_per_shard})")
    copying.add_argument("--target-bytes", type=int, help=f"at most (default: {limits.target_bytes})")
    copying.add_argument("--modalities", help="only samples with all of these, such as image+text")
    copying.add_argument("--only", help="only members of these, such as audio+text, and json")
    copying.add_argument(
        "--homogeneous", action="store_true", help="apart by modalities: a corpus for each set, named for it"
    )
    copying.add_argument(
        "--weights",
        action="store_true",
        help="each sample as often as its weight says; further copies are snapshots of their own, named -copy1 ...",
    )
    copying.add_argument("--shuffle", type=int, metavar="SEED", help="across the view, always the same for a seed")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Write the export; what it came to."""
    chosen = FORMATS[args.format]
    _check_options(args, chosen)
    selection = _select(args)
    splits = tuple(args.split or ())
    if not splits and selection.is_view and chosen.is_for_training:
        splits = (str(Split.TRAIN),)
    handing = Handing(
        selection=selection.of_splits(splits),
        format=args.format,
        output=absolute(args.output.rstrip("/")),
        splits=splits,
        arrangement=_arrangement(args),
        num_workers=args.workers,
    )
    result = hand_over(handing, chosen.export)
    return {"exported": selection.name, **result, "output": handing.output}


def _check_options(args: argparse.Namespace, chosen: Format) -> None:
    """No option is ignored."""
    given = {name for name in _COPY if getattr(args, name) is not None and getattr(args, name) is not False}
    if unused := sorted(given - chosen.options):
        raise PolicyError(
            f"--{unused[0].replace('_', '-')}: --format {args.format} names the tars as they are. Leave it out, "
            "or export --format shards first."
        )
    if args.view and (args.corpus or args.snapshot):
        raise PolicyError(
            f"--view {args.view} says itself which snapshots it is over. Leave --corpus and --snapshot out."
        )


def _arrangement(args: argparse.Namespace) -> Arrangement:
    limits = {name: getattr(args, name) for name in ("samples_per_shard", "target_bytes")}
    return Arrangement(
        limits=Limits(**{name: value for name, value in limits.items() if value is not None}),
        parts=_modalities("modalities", args.modalities),
        only=_modalities("only", args.only),
        is_homogeneous=args.homogeneous,
        is_weighted=args.weights,
        seed=args.shuffle,
    )


def _modalities(option: str, given: str | None) -> tuple[str, ...]:
    parts = tuple(given.split("+")) if given else ()
    if unknown := [part for part in parts if part not in list(Modality)]:
        raise PolicyError(f"--{option} {given}: {unknown[0]!r} is none of {', '.join(Modality)}.")
    return parts


def _select(args: argparse.Namespace) -> Selection:
    layout = Layout(args.root)
    return kept_by(find_view(layout, args.view)) if args.view else select_snapshot(layout, args.corpus, args.snapshot)


def select_snapshot(layout: Layout, corpus: str | None = None, snapshot: str | None = None) -> Selection:
    """`ShardError` where not exactly one snapshot is meant."""
    found = choose_snapshots(layout, corpus=corpus, snapshot=snapshot)
    if len(found) > 1:
        listed = ", ".join(str(one) for one in found)
        raise ShardError(f"{layout.root}: holds {listed}. Name one of these with --corpus and --snapshot.")
    return whole_snapshot(layout, found[0])
