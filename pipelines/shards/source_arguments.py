"""What `pack` is to read: a corpus of the catalog, or any location with what it does not say of itself."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.errors import SourceError
from pipelines.sources.catalog import READERS, Corpus, corpus_at, find_corpus, load_catalog
from pipelines.sources.corpus import OTHER_NAMES
from pipelines.sources.guessing import absolute


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Corpus or source, and how it is read."""
    parser.add_argument("--corpus", help="name in the catalog, or a location; beside --source: the name it gets")
    parser.add_argument("--catalog", type=Path, help="TOML file of corpora (default: the bundled one)")
    parser.add_argument(
        "--source",
        action="append",
        metavar="URI",
        help="a folder, file or pattern, here or on s3://; may be repeated",
    )
    parser.add_argument(
        "--reader",
        choices=[*READERS, *OTHER_NAMES],
        metavar="READER",
        help=f"of --source: {', '.join(READERS)} or embedded (default: found from its suffix)",
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="MEANING=COLUMN",
        help="of a table, may be repeated: image, audio, text, text.fr, language, license, name, group, url, tags, "
        "voice, face_bboxes; image=base64:COLUMN for media written as text; captions=lines of folders and tars",
    )
    parser.add_argument(
        "--table-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of CSV and TSV: delimiter=;  quotes=true  header=caption,url",
    )
    parser.add_argument(
        "--download-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the download policy: timeout_seconds=5  per_host=8  allow_private=true",
    )
    parser.add_argument(
        "--media-folder", action="append", default=[], metavar="URI", help="where paths in a table may lead"
    )
    parser.add_argument("--license", help="of what says nothing itself")
    parser.add_argument("--language", action="append", default=[], help="BCP 47; one: of texts that name none")


def corpus_from(args: argparse.Namespace) -> Corpus:
    """The corpus that the arguments describe; `SourceError` where they contradict each other."""
    if not args.source and args.reader in ("embedded", "openmoji"):
        return _embedded(args.corpus)
    if not args.source:
        return _from_catalog(args)
    locations = [absolute(location) for location in args.source]
    corpus = corpus_at(
        locations[0],
        name=args.corpus or "",
        reader=args.reader or "",
        columns=_pairs(args.column, "--column"),
        table=_table(_pairs(args.table_option, "--table-option")),
        download=_values(_pairs(args.download_option, "--download-option")),
        media_folders=tuple(absolute(folder) for folder in args.media_folder),
        license=args.license or "unknown",
        languages=tuple(args.language),
    )
    return replace(corpus, location=tuple(locations)) if len(locations) > 1 else corpus


def _embedded(name: str | None) -> Corpus:
    bundled = load_catalog()["openmoji"]
    return bundled if name in (None, bundled.name) else replace(bundled, name=name, registered_model="")


def _from_catalog(args: argparse.Namespace) -> Corpus:
    if not args.corpus:
        raise SourceError("neither --corpus nor --source. Name a corpus of the catalog, or a folder, table or tars.")
    given = {
        "--reader": args.reader,
        "--column": args.column,
        "--table-option": args.table_option,
        "--download-option": args.download_option,
        "--media-folder": args.media_folder,
        "--license": args.license,
        "--language": args.language,
    }
    if beside := [option for option, value in given.items() if value]:
        raise SourceError(
            f"{', '.join(beside)}: goes with --source. For a corpus of the catalog say it there; for "
            f"{args.corpus!r} as a location write --source instead of --corpus."
        )
    return find_corpus(args.corpus, catalog=load_catalog(args.catalog) if args.catalog else None)


def _pairs(arguments: Sequence[str], option: str) -> dict[str, object]:
    """`text=title text=alt` -> both, in order."""
    found: dict[str, list[str]] = {}
    for argument in arguments:
        name, mark, value = argument.partition("=")
        if not (name and mark and value):
            raise SourceError(f"{option} {argument!r}: expected NAME=VALUE.")
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else tuple(values) for name, values in found.items()}


def _table(options: Mapping[str, object]) -> dict[str, object]:
    typed = dict(options)
    if isinstance(typed.get("header"), str):
        typed["header"] = str(typed["header"]).split(",")
    if typed.get("quotes") in ("true", "false"):
        typed["quotes"] = typed["quotes"] == "true"
    if typed.get("delimiter") == "\\t":
        typed["delimiter"] = "\t"
    return typed


def _values(options: Mapping[str, object]) -> dict[str, object]:
    """Numbers and truth values as such, other texts as texts."""
    return {name: _value(value) for name, value in options.items()}


def _value(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text
