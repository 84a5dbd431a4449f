"""The verb `pack`: a corpus of the catalog, or a folder, into shards."""

import argparse
from dataclasses import asdict
from pathlib import Path

from pipelines.errors import SourceError
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources.catalog import find_corpus, load_catalog, open_source

_DEFAULTS = PackingConfig()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pack`."""
    parser.add_argument("--root", required=True, help="folder or URI that gets shards/")
    parser.add_argument("--corpus", required=True, help="name in the catalog, or a folder of images and clips")
    parser.add_argument("--snapshot", help="refuse to pack if the source is at another snapshot than this")
    parser.add_argument("--catalog", type=Path, help="TOML file of corpora (default: the bundled one)")
    parser.add_argument(
        "--cache", type=Path, default=Path(".trivium/cache"), help="folder for what is fetched (default: %(default)s)"
    )
    parser.add_argument(
        "--samples-per-shard", type=int, default=_DEFAULTS.samples_per_shard, help="default: %(default)s"
    )
    parser.add_argument(
        "--max-failure-rate", type=float, default=_DEFAULTS.max_failure_rate, help="in [0, 1] (default: %(default)s)"
    )
    parser.add_argument("--workers", type=int, default=_DEFAULTS.num_workers, help="processes (default: %(default)s)")


def run(args: argparse.Namespace) -> dict[str, object]:
    """Pack what is missing; the report of the snapshot."""
    config = PackingConfig(
        samples_per_shard=args.samples_per_shard,
        max_failure_rate=args.max_failure_rate,
        num_workers=args.workers,
    )
    catalog = load_catalog(args.catalog) if args.catalog else None
    source = open_source(find_corpus(args.corpus, catalog=catalog), cache=args.cache)
    if args.snapshot and args.snapshot != source.snapshot:
        raise SourceError(
            f"{source.corpus}: is at snapshot {source.snapshot}, asked for {args.snapshot}. Leave --snapshot out, or "
            "bring the source back to that state."
        )
    report = pack(source, layout=Layout(args.root), config=config)
    return {**asdict(report), "snapshot": report.snapshot.snapshot, "corpus": report.snapshot.corpus}
