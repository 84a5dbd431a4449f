"""Sources made of a list, for what files on a disk cannot show: passing failures, growing listings, repeated names."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import SampleError
from pipelines.samples import Download, Record, Reference


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Captions by name; what `weather` says of a name happens to it: "" is fine, "away" passes, "gone" does not."""

    names: tuple[str, ...]
    weather: Path | None = None
    """JSON file: name -> what happens; read each time, so that it can change between two runs."""
    corpus: str = "listed"
    snapshot: str = "one"
    settings: str = ""
    license: str = "CC0-1.0"

    def references(self) -> Iterator[Reference]:
        return (Reference(row=row, name=name, group=name) for row, name in enumerate(self.names))

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        return map(self._outcome, references)

    def facts(self) -> Mapping[str, str | int]:
        return {}

    def _outcome(self, reference: Reference) -> Record | SampleError:
        happens = json.loads(self.weather.read_text()).get(reference.name, "") if self.weather else ""
        status = {"": 200, "away": 503, "gone": 404}[happens]
        outcome = {"": "fetched", "away": "server_error", "gone": "http_error"}[happens]
        download = Download(url=f"http://a/{reference.name}", outcome=outcome, http_status=status, num_attempts=1)
        if happens:
            return SampleError(
                f"HTTP {status}", status="failed_to_download", transient=happens == "away", downloads=(download,)
            )
        return Record(
            reference=reference,
            language="en",
            texts={"en": f"caption of {reference.name}"},
            source="listed",
            license=self.license,
            url=download.url,
            downloads=(download,),
        )
