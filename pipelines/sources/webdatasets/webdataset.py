"""Tars that others wrote: img2dataset, DataComp, LAION-CLAP, energon, CLIP_benchmark, and our own.

Their own library reads them in order; a shard of ours needs any run of samples, so this reader keeps offsets. It
decodes nothing, unpickles nothing, unpacks nothing to disk and opens no pipe.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, groupby

from pipelines.errors import SampleError
from pipelines.samples import Record, Reference, digest_of
from pipelines.sources.files import DataFile, list_files
from pipelines.sources.source import attempt
from pipelines.sources.stems import StemRules, record_of
from pipelines.sources.webdatasets.benchmarks import Benchmark, benchmark_of
from pipelines.sources.webdatasets.locating import PROBLEM, Part, parts_of, ranges_of
from pipelines.sources.webdatasets.samples import CLASS, Sample, group_members, is_medium, stem_of
from pipelines.sources.webdatasets.tars import check_tar, opened_tar
from pipelines.sources.webdatasets.walking import REFUSED, walk_members
from pipelines.storage import read_ranges

_REVISION = 1  # of how members become records: raise it with any change to that
MAX_CLASS_BYTES = 1000


def open_webdataset(
    locations: Sequence[str],
    *,
    corpus: str,
    licence: str = "",
    languages: tuple[str, ...] = (),
    captions_are_lines: bool | None = None,
) -> "WebdatasetSource":
    """The tars in their present state; `SourceError` where the first is none."""
    files = list_files(locations, suffixes=(".tar",))
    check_tar(files[0])
    benchmark = benchmark_of(files[0].uri)
    are_lines = benchmark.is_retrieval if captions_are_lines is None else captions_are_lines
    settings = digest_of([licence, list(languages), are_lines, list(benchmark.class_names), _REVISION])
    content = [[file.name, file.num_bytes, file.version] for file in files]
    return WebdatasetSource(
        corpus=corpus,
        snapshot=digest_of([content, settings])[:12],
        files=files,
        rules=StemRules(corpus=corpus, license=licence or "unknown", languages=languages, captions_are_lines=are_lines),
        benchmark=benchmark,
        settings=settings[:12],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class WebdatasetSource:
    """One record for each clip of a sample with its image, for each image without one, and for a text alone."""

    corpus: str
    snapshot: str
    files: tuple[DataFile, ...]
    rules: StemRules
    benchmark: Benchmark
    settings: str
    """Digest of what decides how samples become records: part of every reference's version."""

    def references(self) -> Iterator[Reference]:
        """Tar by tar; a locator is the tar, the medium, then extension, offset and size of each part."""
        row = 0
        for index, file in enumerate(self.files):
            with opened_tar(file) as tar:
                for sample in group_members(walk_members(tar)):
                    for locator, name, num_bytes in self._records(sample):
                        yield Reference(
                            row=row,
                            name=f"{file.name}/{name}",
                            group=f"{file.name}/{sample.key}",
                            num_bytes=num_bytes,
                            version=self.settings + file.version,
                            locator=(index, *locator),
                        )
                        row += 1

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        """One outcome for each, in their order; only the parts that are needed are read."""
        for index, of_tar in groupby(references, key=lambda reference: int(reference.locator[0])):
            pending: deque[tuple[Reference, list[Part]]] = deque()
            read: deque[bytes] = deque()
            for data in chain(read_ranges(self.files[index].uri, ranges_of(of_tar, pending)), [None]):
                read.extend([] if data is None else [data])
                while pending and len(pending[0][1]) <= len(read):
                    reference, parts = pending.popleft()
                    bodies = {part: read.popleft() for part in parts}
                    yield attempt(partial(self._record, bodies), reference)

    def facts(self) -> Mapping[str, str | int]:
        return {
            "license": self.rules.license,
            "languages": " ".join(self.rules.languages),
            "num_tars": len(self.files),
            "num_bytes": sum(file.num_bytes for file in self.files),
            "num_classes": len(self.benchmark.class_names),
        }

    def _records(self, sample: Sample) -> Iterator[tuple[tuple[str | int, ...], str, int]]:
        """(locator without the tar, name, bytes of media) of each record of a sample; it is called by its key where it
        is one."""
        if sample.problem:
            yield (PROBLEM, sample.problem), sample.key, 0
            return
        base = sample.key.rpartition("/")[2]
        stem = stem_of(sample.parts, base, self.rules.languages)
        media = stem.media() or ([""] if stem.texts or stem.json else [])
        if not media:
            found = " ".join(sample.parts)
            yield (PROBLEM, f"{REFUSED}no image, no clip and no text among its parts: {found}"), sample.key, 0
        for medium in media:
            extensions = [name[len(base) + 1 :] for name in stem.files(medium)]
            extensions += [CLASS] if CLASS in sample.parts else []
            parts = [(extension, sample.parts[extension]) for extension in extensions]
            locator = [value for extension, part in parts for value in (extension, part.offset, part.size)]
            medium_extension = medium[len(base) + 1 :]
            num_bytes = sum(part.size for extension, part in parts if is_medium(extension))
            name = sample.key if len(media) == 1 else f"{sample.key}.{medium_extension}"
            yield (medium_extension, *locator), name, num_bytes

    def _record(self, bodies: Mapping[Part, bytes], reference: Reference) -> Record:
        _, medium, *rest = reference.locator
        if medium == PROBLEM:
            problem = str(rest[0])
            status = "refused" if REFUSED in problem else "failed_to_decode"
            raise SampleError(f"{reference.name}: {problem.replace(REFUSED, '')}", status=status)
        base = reference.group.rpartition("/")[2]
        by_name = {f"{base}.{part.extension}": (part, data) for part, data in bodies.items()}
        stem = stem_of([part.extension for part in parts_of(reference)], base, self.rules.languages)

        def read(name: str, limit: int) -> bytes:
            part, data = by_name.get(name, (None, b""))
            if part is None or part.size > limit:
                raise SampleError(f"{reference.name}: {name} is larger than {limit} bytes.", status="refused")
            if len(data) < part.size:
                raise SampleError(f"{reference.name}: {name} is cut off: {len(data)} of {part.size} bytes are there.")
            return data

        record = record_of(reference, stem, f"{base}.{medium}" if medium else "", rules=self.rules, read=read)
        if (name := f"{base}.{CLASS}") in by_name:
            text = read(name, MAX_CLASS_BYTES).decode(errors="replace").strip()
            tag = self.benchmark.class_of(text)
            return replace(record, tags=(tag,), original_data={**record.original_data, CLASS: text})
        return record
