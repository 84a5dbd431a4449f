"""The folder that gets an export: of one selection, for one run at a time, and written down in the root."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines import storage
from pipelines.curation.exports import Export, register_export
from pipelines.errors import CorpusError, StorageError
from pipelines.exporting.arranging import Arrangement
from pipelines.exporting.packed import PackedShard, packed_shards
from pipelines.exporting.physical import Copied, copy_shards
from pipelines.exporting.selecting import Selection, absolute
from pipelines.samples import digest_of

_MANIFEST = "export.json"
Result = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Handing:
    """One export: what, how and where to."""

    selection: Selection
    format: str
    output: str
    """Absolute."""
    splits: tuple[str, ...] = ()
    """Those that were asked for; empty: all."""
    arrangement: Arrangement = field(default_factory=Arrangement)
    num_workers: int = 1
    """Shards at a time; 0: one for each core."""

    def __post_init__(self) -> None:
        if self.num_workers < 0:
            raise CorpusError(f"--workers {self.num_workers}: expected 1 or more, or 0 for one per core.")

    @property
    def is_plain(self) -> bool:
        """Whether the tars of the snapshot are what is asked for."""
        return self.selection.kept is None and self.arrangement == Arrangement()

    def copied(self, *, parts: tuple[str, ...] = (), **changes: Any) -> Copied:
        """Shards of the selected samples alone, below the output; only those with all of `parts`."""
        needed = tuple(dict.fromkeys((*parts, *self.arrangement.parts)))
        arrangement = replace(self.arrangement, parts=needed, **changes)
        return copy_shards(self.selection, arrangement, self.output, num_workers=self.num_workers)

    def shards(self, *, parts: tuple[str, ...] = (), link_to: str | None = None) -> Iterator[PackedShard]:
        """Where a reader finds tars of nothing but the selection; of a whole snapshot its own that have any sample
        with all of `parts`, linked into a folder of the output where one is named."""
        if not self.is_plain:
            yield from self.copied(parts=parts).shards()
            return
        for shard in packed_shards(self.selection):
            if any(sample.has(*parts) for sample in shard.samples):
                uri = shard.uri if link_to is None else "/".join(filter(None, (self.output, link_to, shard.name)))
                if uri != shard.uri:
                    storage.same_file(shard.uri, uri)
                yield replace(shard, uri=uri)


def hand_over(handing: Handing, fill: Callable[[Handing], Result]) -> Result:
    """Fill the output, alone and on the record; `StorageError` where something else is there."""
    selection = handing.selection
    name, _, digest = selection.name.partition("/")
    export = Export(
        output=handing.output,
        format=handing.format,
        view=name if selection.is_view else "",
        view_digest=digest if selection.is_view else "",
        effective_digest=selection.digest,
        snapshots=tuple(map(str, selection.snapshots)),
        splits=handing.splits,
        started_at=time.time(),
    )
    settings: dict[str, object] = {"arrangement": asdict(handing.arrangement), "key": export.key}
    _check_place(handing)
    with storage.exclusive(handing.output, what=f"export {selection.name}"):
        _check_empty(handing, digest_of(settings))
        _write(handing, export, settings)
        result = fill(handing)
        export = replace(export, finished_at=time.time(), num_samples=int(str(result["num_samples"])))
        _write(handing, export, settings)
    return result


def _write(handing: Handing, export: Export, settings: dict[str, object]) -> None:
    register_export(handing.selection.layout, export)
    value = {**asdict(export), **settings, "identity": digest_of(settings)}
    storage.write_json(f"{handing.output}/{_MANIFEST}", value)


def _check_place(handing: Handing) -> None:
    inside = absolute(handing.selection.layout.root)
    if f"{handing.output}/".startswith(f"{inside}/"):
        raise StorageError(
            f"{handing.output}: lies in the root {inside}, whose folders have a meaning. Name an --output outside."
        )


def _check_empty(handing: Handing, identity: str) -> None:
    """What is there must be this very export, finished or not; nothing in it may lead elsewhere."""
    output = handing.output
    _check_links(output)
    manifest = f"{output}/{_MANIFEST}"
    if not storage.exists(manifest):
        if found := storage.names(output):
            raise StorageError(f"{output}: holds {found[0]} and no export. Name an empty folder with --output.")
        return
    there = _read(manifest)
    if there.get("identity") != identity:
        what = " ".join(str(there.get(name, "")) for name in ("format", "view", "effective_digest"))
        raise StorageError(
            f"{output}: holds another export ({what}): of other samples, or made with other options. Name an empty "
            "folder with --output, or remove this one."
        )


def _check_links(output: str) -> None:
    for folder, folders, files in os.walk(storage.local_path(output)) if storage.is_local(output) else ():
        for entry in (*folders, *files):
            if Path(folder, entry).is_symlink():
                raise StorageError(f"{folder}/{entry}: is a symbolic link, which no export makes. Remove it.")


def _read(manifest: str) -> dict[str, object]:
    try:
        return dict(storage.read_json(manifest))
    except StorageError:
        raise
    except (TypeError, ValueError) as error:
        raise StorageError(f"{manifest}: not of an export ({error}). Name an empty folder with --output.") from error
