"""A corpus of the catalog into its source, in its present state."""

from pathlib import Path

from pipelines.errors import SourceError
from pipelines.sources.corpus import Corpus
from pipelines.sources.source import Source
from pipelines.storage import is_local, local_path


def open_source(corpus: Corpus, *, cache: Path) -> Source:
    """May fetch it into `cache`; `SourceError` says what is not as expected."""
    if corpus.reader == "openmoji":
        from pipelines.sources.openmoji import open_openmoji

        return open_openmoji(corpus=corpus.name, licence=corpus.license, exclude=corpus.exclude)
    if corpus.reader == "scenes":
        from pipelines.sources.scenes import open_scenes

        return open_scenes(corpus=corpus.name, licence=corpus.license, settings=corpus.scenes)
    if corpus.reader == "stamps":
        from pipelines.sources.stamps import open_stamps

        (location,) = corpus.locations
        return open_stamps(
            corpus=corpus.name, location=location, licence=corpus.license, exclude=corpus.exclude, cache=cache
        )
    if corpus.reader == "folder":
        return _folder(corpus)
    _no_exclusion(corpus)
    return _webdataset(corpus) if corpus.reader == "webdataset" else _table(corpus)


def _folder(corpus: Corpus) -> Source:
    from pipelines.sources.folder import open_folder

    if len(corpus.locations) > 1 or not is_local(corpus.locations[0]):
        raise SourceError(
            f"corpus {corpus.name}: reader folder takes one folder on this machine, not {corpus.locations}. Name the "
            "folder above them, or make a table of the media."
        )
    return open_folder(
        local_path(corpus.locations[0]).expanduser(),
        corpus=corpus.name,
        licence=corpus.license,
        languages=corpus.languages,
        exclude=corpus.exclude,
        captions_are_lines=bool(corpus.captions_are_lines),
        annotations=str(corpus.columns.get("annotations", "")),
    )


def _webdataset(corpus: Corpus) -> Source:
    from pipelines.sources.webdatasets.webdataset import open_webdataset

    return open_webdataset(
        corpus.locations,
        corpus=corpus.name,
        licence=corpus.license,
        languages=corpus.languages,
        captions_are_lines=corpus.captions_are_lines,
    )


def _table(corpus: Corpus) -> Source:
    from pipelines.sources.huggingface import open_huggingface
    from pipelines.sources.tables.table import TableOptions, open_table

    options = TableOptions(
        columns=corpus.table_columns,
        media_folders=corpus.media_folders,
        text=corpus.table,
        download=corpus.download,
    )
    opened = open_huggingface if corpus.reader == "huggingface" else open_table
    return opened(
        corpus.locations, corpus=corpus.name, licence=corpus.license, languages=corpus.languages, options=options
    )


def _no_exclusion(corpus: Corpus) -> None:
    if corpus.exclude:
        raise SourceError(
            f"corpus {corpus.name}: `exclude` is of folders, not of reader {corpus.reader}. Name the files that are in "
            "`location`, or decide in a policy."
        )
