"""What every reader offers: a stable stream of references, and one record for each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from pipelines.errors import CorpusError, SampleError
from pipelines.samples import Record, Reference, digest_of


class Source(Protocol):
    """One corpus in its present state; picklable and cheap to build, because every worker gets a copy."""

    @property
    def corpus(self) -> str: ...

    @property
    def snapshot(self) -> str:
        """Name of the present state; another content has another name. Found without reading media."""
        ...

    @property
    def settings(self) -> str:
        """Digest of what besides the listing decides what its records become: licence, mapping, revision of the
        reader. Snapshots with equal settings share the shards whose references are equal."""
        ...

    def references(self) -> Iterator[Reference]:
        """Every record in a stable order, streamed in bounded memory; reads no media."""
        ...

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        """One outcome for each reference in their order, with bounded look-ahead; a bad record is a value here, and
        `SourceError` is raised where the source itself cannot be read."""
        ...

    def facts(self) -> Mapping[str, str | int]:
        """What a person should know: licence, languages, versions, what was left out."""
        ...


def read_each(
    read_one: Callable[[Reference], Record], references: Iterable[Reference]
) -> Iterator[Record | SampleError]:
    """Outcomes of a reader that takes one reference at a time."""
    for reference in references:
        yield attempt(read_one, reference)


def attempt(read_one: Callable[[Reference], Record], reference: Reference) -> Record | SampleError:
    """Whatever one record does to its reader, it becomes a value with a reason."""
    try:
        return read_one(reference)
    except SampleError as error:
        return error
    except CorpusError:
        raise
    except Exception as error:  # noqa: BLE001 - a parser's surprise is that record's fault, not the run's
        return SampleError(f"{type(error).__name__}: {error}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSubset:
    """Every `step`-th reference of another source: the same records in a smaller corpus."""

    source: Source
    step: int
    offset: int = 0

    @property
    def corpus(self) -> str:
        return self.source.corpus

    @property
    def snapshot(self) -> str:
        return f"{self.source.snapshot[:51]}-{digest_of([self.step, self.offset])[:12]}"

    @property
    def settings(self) -> str:
        return self.source.settings

    def references(self) -> Iterator[Reference]:
        for position, reference in enumerate(self.source.references()):
            if position % self.step == self.offset:
                yield reference

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        return self.source.read(references)

    def facts(self) -> Mapping[str, str | int]:
        return {**self.source.facts(), "subset": f"every {self.step}th from {self.offset}"}
