"""The verb `find`: every packed row of a uid, digest, url or reference, and other references to the same content."""

import argparse
from typing import get_args

from pipelines.layout import Layout
from pipelines.shards.finding import By, find

_MEANS = {
    "uid": "the tar key, 32 hexadecimal digits",
    "sha256": "of an image or clip, as it came or as it is stored",
    "url": "where it came from",
    "reference": "its name in its source",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `find`."""
    parser.add_argument("--root", required=True, help="folder or URI that holds shards/")
    parser.add_argument("--corpus", help="only this corpus (default: all under the root)")
    wanted = parser.add_mutually_exclusive_group(required=True)
    for by in get_args(By):
        wanted.add_argument(f"--{by}", help=_MEANS[by])


def run(args: argparse.Namespace) -> dict[str, object]:
    """Matches, and what else is the same; `ShardError` where there is nothing."""
    by, value = next((by, value) for by in get_args(By) if (value := getattr(args, by)) is not None)
    found = find(Layout(args.root), by, value, corpus=args.corpus)
    return {
        "num_matches": len(found.matches),
        "num_other_references": len(found.same_content),
        "matches": list(found.matches),
        "same_content": list(found.same_content),
    }
