"""What every reader offers: a stable list of references, and one record for each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from pipelines.samples import Record, Reference, digest_of


class Source(Protocol):
    """One corpus in its present state; picklable and cheap to build, because every worker gets a copy."""

    @property
    def corpus(self) -> str: ...

    @property
    def snapshot(self) -> str:
        """Name of the present state; another content has another name."""
        ...

    def references(self) -> Iterator[Reference]:
        """Every record in a stable order; reads no media."""
        ...

    def read(self, reference: Reference) -> Record:
        """The record; `SampleError` where this one is bad."""
        ...

    def facts(self) -> Mapping[str, str | int]:
        """What a person should know: licence, languages, versions, what was left out."""
        ...


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

    def references(self) -> Iterator[Reference]:
        for position, reference in enumerate(self.source.references()):
            if position % self.step == self.offset:
                yield reference

    def read(self, reference: Reference) -> Record:
        return self.source.read(reference)

    def facts(self) -> Mapping[str, str | int]:
        return {**self.source.facts(), "subset": f"every {self.step}th from {self.offset}"}
