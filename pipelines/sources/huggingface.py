"""A folder of Parquet as HF `datasets` writes it: Image and Audio columns, classes, splits by folder or file name."""

from collections.abc import Sequence

from pipelines.errors import SourceError
from pipelines.sources.files import list_files
from pipelines.sources.tables.formats import PARQUET_SUFFIXES
from pipelines.sources.tables.table import TableOptions, TableSource, open_table


def open_huggingface(
    locations: Sequence[str],
    *,
    corpus: str,
    licence: str = "",
    languages: tuple[str, ...] = (),
    options: TableOptions | None = None,
) -> TableSource:
    """A table whose columns the Parquet schema explains; the split of a row is in its `original_data`."""
    try:
        list_files(locations, suffixes=PARQUET_SUFFIXES)
    except SourceError as error:
        _refuse_arrow(locations, error)
        raise
    return open_table(
        locations, corpus=corpus, licence=licence, languages=languages, options=options, suffixes=PARQUET_SUFFIXES
    )


def _refuse_arrow(locations: Sequence[str], error: SourceError) -> None:
    """`save_to_disk` writes Arrow files, which hold paths into a cache that another machine has not."""
    try:
        files = list_files(locations, suffixes=(".arrow",))
    except SourceError:
        return
    raise SourceError(
        f"{files[0].uri}: was written by save_to_disk. Write Parquet instead: dataset.to_parquet('train.parquet')."
    ) from error
