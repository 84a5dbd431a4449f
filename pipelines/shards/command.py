"""The verb `pack`: a corpus into shards; again, it builds what is missing and tries again what may have passed."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

from pipelines.errors import SourceError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.media import ORIGINAL, MediaProfile
from pipelines.shards.packing import PackingConfig, pack, packed_as
from pipelines.shards.snapshots import choose_snapshots
from pipelines.shards.source_arguments import add_source_arguments, corpus_from
from pipelines.sources.catalog import Corpus, open_source
from pipelines.sources.source import Source

_DEFAULTS = PackingConfig()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pack`."""
    parser.add_argument("--root", required=True, help="folder or URI that gets shards/")
    add_source_arguments(parser)
    parser.add_argument("--snapshot", help="refuse to pack if the source is at another snapshot than this")
    parser.add_argument(
        "--cache", type=Path, default=Path(".trivium/cache"), help="folder for what is fetched (default: %(default)s)"
    )
    parser.add_argument(
        "--profile", choices=("original", "train"), help="media as they came, or small (default: the corpus's)"
    )
    parser.add_argument("--image-side", type=int, help="pixels of the shorter side in profile train (default: 256)")
    parser.add_argument("--audio-rate", type=int, help="Hz in profile train: 16000 or 48000 (default: 16000)")
    parser.add_argument(
        "--samples-per-shard", type=int, default=_DEFAULTS.samples_per_shard, help="default: %(default)s"
    )
    parser.add_argument("--target-bytes", type=int, default=_DEFAULTS.target_bytes, help="of a shard's media, at most")
    parser.add_argument(
        "--max-failure-rate", type=float, default=_DEFAULTS.max_failure_rate, help="in [0, 1] (default: %(default)s)"
    )
    parser.add_argument("--no-retry", action="store_true", help="leave failed downloads of a whole snapshot alone")
    parser.add_argument(
        "--workers", type=int, default=_DEFAULTS.num_workers, help="processes; 0 is one per core (default: %(default)s)"
    )
    parser.add_argument("--on", choices=("processes", "ray"), default="processes", help="where workers are")
    parser.add_argument("--ray-address", help="of a running Ray cluster (default: one is started here for this run)")
    parser.add_argument(
        "--erase",
        action="store_true",
        help="pack nothing; take what was forgotten out of the shards: see pack --erase --help",
    )
    parser.add_argument(
        "--recheck-consent",
        action="store_true",
        help="pack nothing; ask every URL that samples were made of for its headers, and withdraw what opted out",
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """Pack what is missing; the report of the snapshot."""
    corpus = corpus_from(args)
    if args.recheck_consent:
        return _recheck(args, corpus)
    config = PackingConfig(
        samples_per_shard=args.samples_per_shard,
        target_bytes=args.target_bytes,
        profile=_profile(args, corpus),
        max_failure_rate=args.max_failure_rate,
        retry=not args.no_retry,
        num_workers=args.workers,
        on=args.on,
        ray_address=args.ray_address,
    )
    source = open_source(corpus, cache=args.cache)
    _check_snapshot(args.snapshot, source, config.profile)
    report = pack(source, layout=Layout(args.root), config=config)
    return {**asdict(report), "snapshot": report.snapshot.snapshot, "corpus": report.snapshot.corpus}


def _profile(args: argparse.Namespace, corpus: Corpus) -> MediaProfile:
    """What the command line says, on top of what the catalog says."""
    profile = corpus.media_profile or ORIGINAL
    if args.profile and args.profile != profile.name:
        profile = MediaProfile(name=args.profile)
    given = {"image_side_pixels": args.image_side, "audio_rate_hz": args.audio_rate}
    sizes = {name: value for name, value in given.items() if value is not None}
    if sizes and profile.name == "original":
        raise SourceError("--image-side and --audio-rate go with --profile train: the original changes no media.")
    return replace(profile, **sizes)


def _check_snapshot(asked: str | None, source: Source, profile: MediaProfile) -> None:
    present = packed_as(source, profile).snapshot
    if asked and asked not in (source.snapshot, present):
        raise SourceError(
            f"{source.corpus}: is at snapshot {present}, asked for {asked}. Leave --snapshot out, or "
            "bring the source back to that state."
        )


def _recheck(args: argparse.Namespace, corpus: Corpus) -> dict[str, object]:
    from pipelines.sources.downloading.rechecking import recheck_and_withdraw
    from pipelines.sources.downloading.state import machine_state_folder
    from pipelines.sources.settings import policy_of

    layout = Layout(args.root)
    snapshots: list[Snapshot] = choose_snapshots(layout, corpus=corpus.name, snapshot=args.snapshot)
    policy = policy_of(corpus.download, what=f"corpus {corpus.name}: download")
    report = recheck_and_withdraw(layout, snapshots, policy, state_folder=machine_state_folder())
    return {**asdict(report), "uids": sorted(report.uids), "corpus": corpus.name}
