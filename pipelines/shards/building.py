"""One shard, built by one worker: tar, ledger of its downloads, sidecar, then stats as the commit mark."""

import hashlib
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from pipelines import storage
from pipelines.errors import CorpusError, SampleError, SourceError
from pipelines.layout import Layout
from pipelines.samples import Download, Record, Reference, Snapshot
from pipelines.shards.casualties import Watch, watched
from pipelines.shards.downloads import ledger
from pipelines.shards.media import ORIGINAL, MediaProfile
from pipelines.shards.preparing import Prepared, failed_row, prepare, printable
from pipelines.shards.sidecar import DUPLICATE_KEY, SUCCESS, Rows, write_sidecar
from pipelines.shards.snapshots import Stats
from pipelines.shards.tar import BackgroundDigest, Digest, TarWriter
from pipelines.sources.source import Source


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardTask:
    """What a worker needs to build one shard."""

    layout: Layout
    snapshot: Snapshot
    shard: int
    source: Source
    references: tuple[Reference, ...]
    repeated: frozenset[int]
    """Positions in `references` whose name stands earlier in the snapshot."""
    max_consecutive_failures: int
    profile: MediaProfile = ORIGINAL
    has_spare_core: bool = False
    """The tar is digested in a thread of its own."""
    run: str = ""
    """Names the call of `pack`."""

    def __str__(self) -> str:
        return f"shard {self.shard:08d} of {self.snapshot}"


class _Shard:
    """A tar being written, with the rows and counts that describe it."""

    def __init__(self, writer: TarWriter) -> None:
        self.writer = writer
        self.rows = Rows()
        self.downloads: list[tuple[int, Download]] = []
        self.status: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.licenses: Counter[str] = Counter()
        self.num_transient = 0

    def add(self, sample: Prepared) -> None:
        row: dict[str, object] = dict(sample.row)
        for part, extension, data in sample.members:
            row[f"{part}_offset"] = self.writer.add(f"{sample.uid}.{extension}", data)
            row[f"{part}_size"] = len(data)
        self._count(row, sample.downloads)
        self.parts[sample.modalities] += 1
        self.languages[str(row["language"])] += 1
        self.licenses[str(row["license"])] += 1

    def add_failure(self, reference: Reference, error: SampleError) -> None:
        self._count(failed_row(reference, error), error.downloads)
        self.num_transient += error.transient

    def _count(self, row: dict[str, object], downloads: tuple[Download, ...]) -> None:
        self.rows.add(row)
        self.downloads += [(int(str(row["source_row"])), one) for one in downloads]
        self.status[str(row["status"])] += 1


def build_shard(task: ShardTask) -> Stats:
    """Write one shard and return its stats; nothing is visible before the tar is whole, nothing counts before stats."""
    start = time.time()
    digest: Digest = BackgroundDigest() if task.has_spare_core else hashlib.sha256()
    try:
        with storage.replacing(task.layout.tar(task.snapshot, task.shard)) as path, path.open("wb") as file:
            shard = _Shard(TarWriter(file, digest))
            with watched(task.run, str(task)) as watch:
                _fill(shard, task, watch)
            shard.writer.close()
    finally:
        tar_sha256 = digest.hexdigest()  # also ends its thread
    if shard.downloads:
        storage.write_table(task.layout.downloads(task.snapshot, task.shard), ledger(shard.downloads))
    sidecar = task.layout.sidecar(task.snapshot, task.shard)
    write_sidecar(sidecar, shard.rows.table())
    stats = _stats(shard, start) | {"tar_sha256": tar_sha256, "sidecar_sha256": storage.file_sha256(sidecar)}
    storage.write_json(task.layout.stats(task.snapshot, task.shard), stats)
    return stats


def _fill(shard: _Shard, task: ShardTask, watch: Watch) -> None:
    run: list[tuple[Reference, SampleError]] = []
    for reference, outcome in _outcomes(task, watch):
        if isinstance(outcome, Prepared):
            shard.add(outcome)
            run.clear()
            continue
        shard.add_failure(reference, outcome)
        if outcome.status != DUPLICATE_KEY:
            run.append((reference, outcome))
        if len(run) >= task.max_consecutive_failures:
            raise SourceError(
                f"{task}: {len(run)} records in a row failed, {describe_failures(run)}. "
                "Mend the source, or raise max_consecutive_failures."
            )


def _outcomes(task: ShardTask, watch: Watch) -> Iterator[tuple[Reference, Prepared | SampleError]]:
    refused = dict(_refused(task, watch))
    admitted = [position for position in range(len(task.references)) if position not in refused]
    with closing(_read(task, admitted, watch)) as reading:
        for position, reference in enumerate(task.references):
            if position in refused:
                yield reference, refused[position]
            else:
                yield reference, _attempt(task, next(reading))


def _read(task: ShardTask, admitted: list[int], watch: Watch) -> Generator[Record | SampleError, None, None]:
    """The source's outcomes, each noted before it is asked for; ends what the source holds open."""
    records = task.source.read(task.references[position] for position in admitted)
    try:
        for position in admitted:
            watch.note(position)
            yield next(records)
    finally:
        if isinstance(records, Generator):
            records.close()


def _refused(task: ShardTask, watch: Watch) -> Iterator[tuple[int, SampleError]]:
    """Positions that are not read at all."""
    for position in task.repeated:
        reason = f"{task.references[position].name}: stands earlier in this snapshot under the same name."
        yield position, SampleError(reason, status=DUPLICATE_KEY)
    if watch.barred is not None:
        name = task.references[watch.barred].name
        reason = f"{name}: the process that read it died twice. Look at the file; it is tried again by the next pack."
        yield watch.barred, SampleError(reason, status="refused", transient=True)


def _attempt(task: ShardTask, outcome: Record | SampleError) -> Prepared | SampleError:
    """Whatever a record does to a decoder, it becomes a row with a reason."""
    if isinstance(outcome, SampleError):
        return outcome
    try:
        return prepare(outcome, corpus=task.snapshot.corpus, profile=task.profile)
    except SampleError as error:
        return SampleError(str(error), status=error.status, transient=error.transient, downloads=outcome.downloads)
    except CorpusError:
        raise
    except Exception as error:  # noqa: BLE001 - a decoder's surprise is that record's fault, not the run's
        return SampleError(f"{type(error).__name__}: {error}", downloads=outcome.downloads)


def describe_failures(failures: list[tuple[Reference, SampleError]]) -> str:
    """The first few, each with its reason."""
    first = "; ".join(f"{printable(reference.name)}: {printable(str(error))}" for reference, error in failures[:3])
    return f"first {first}"


def _stats(shard: _Shard, start: float) -> Stats:
    """The keys of img2dataset, then ours."""
    end = time.time()
    return {
        "count": len(shard.rows),
        "successes": shard.status[SUCCESS],
        "failed_to_download": shard.status["failed_to_download"],
        "failed_to_resize": shard.status["failed_to_decode"],
        "duration": end - start,
        "start_time": start,
        "end_time": end,
        "status_dict": dict(shard.status),
        "tar_bytes": shard.writer.num_bytes,
        "num_transient": shard.num_transient,
        "n_by_parts": dict(shard.parts),
        "n_by_language": dict(shard.languages),
        "n_by_license": dict(shard.licenses),
    }
