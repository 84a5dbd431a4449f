"""JSONL: an object on each line."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pipelines.errors import SampleError, SourceError
from pipelines.sources.files import DataFile
from pipelines.sources.tables.lines import Line, Lines, opened, stored, version_of
from pipelines.sources.tables.rows import Found, Place, Values

_NUM_ROWS_OF_HEAD = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonLines:
    """A JSON object on each line."""

    def head(self, file: DataFile) -> tuple[Sequence[str], Values]:
        """Columns are the fields of the first 100 rows."""
        with opened(file) as stream:
            start = stream.read(1)
            stream.seek(0)
            rows = (self._parse(line.data) for line in islice(self._lines(Lines(stream)), _NUM_ROWS_OF_HEAD))
            good = [row for row in rows if row is not None]
        if not good or start == b"[":
            raise SourceError(
                f"{file.uri}: no lines of JSON objects. Expected one object a line; an array becomes lines by: "
                "jq -c '.[]' FILE."
            )
        return list(dict.fromkeys(name for row in good for name in row)), good[0]

    def scan(self, file: DataFile, columns: Sequence[str]) -> Iterator[Found]:  # noqa: ARG002 - a line is parsed whole
        with opened(file) as stream:
            for line in self._lines(Lines(stream)):
                yield Found(self._parse(line.data), (line.offset, len(line.data), line.number), version_of(line.data))

    def load(
        self,
        places: Iterable[tuple[DataFile, Place]],
        columns: Sequence[str],  # noqa: ARG002 - as in scan
    ) -> Iterator[Values | SampleError]:
        for _, where, data in stored(places):
            try:
                values = json.loads(data)
                yield (
                    values
                    if isinstance(values, dict)
                    else SampleError(f"{where}: a JSON {type(values).__name__}, expected an object.")
                )
            except (ValueError, RecursionError) as error:
                yield SampleError(f"{where}: not JSON ({error}).")

    @staticmethod
    def _parse(data: bytes) -> dict[str, object] | None:
        try:
            values = json.loads(data)
        except (ValueError, RecursionError):
            return None
        return values if isinstance(values, dict) else None

    @staticmethod
    def _lines(lines: Lines) -> Iterator[Line]:
        while line := lines.next():
            offset, number = lines.offset - len(line), lines.number
            lines.rest_of_long_line(line)
            if line.strip():
                yield Line(offset, line, number)
