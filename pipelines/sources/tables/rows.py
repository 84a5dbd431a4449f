"""What every format of table offers: where its rows are, and their values again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipelines.errors import SampleError
from pipelines.sources.files import DataFile

MAX_ROW_BYTES = 16 << 20  # of a line; a longer one is a row with a reason, not memory

Values = Mapping[str, object]
Place = tuple[int, ...]
"""Of a row in its file: what the format needs to find it again."""


@dataclass(frozen=True, slots=True)
class Found:
    """One row of a listing."""

    values: Values | None
    """Of the columns that were asked for; None where it cannot be parsed: loading it says why."""
    place: Place
    version: str
    num_bytes: int = 0
    """Of media inside the row."""


class RowFormat(Protocol):
    """CSV, TSV, JSONL or Parquet; picklable, opens nothing before it is asked."""

    def head(self, file: DataFile) -> tuple[Sequence[str], Values]:
        """Columns, and values of the first row that can be read; `SourceError` where this is no such file."""
        ...

    def scan(self, file: DataFile, columns: Sequence[str]) -> Iterator[Found]:
        """Every row in order, in bounded memory, media left unread where the format can."""
        ...

    def load(self, places: Iterable[tuple[DataFile, Place]], columns: Sequence[str]) -> Iterator[Values | SampleError]:
        """Rows again, one outcome for each place; `columns` are wanted, others come along as far as they are small."""
        ...
