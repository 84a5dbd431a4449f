"""A user's own folder: media with sidecars by stem (`a.jpg a.txt a.fr.txt a.json a.fr.ogg`), nested at will."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from pipelines.errors import SampleError, SourceError
from pipelines.samples import Record, Reference, digest_of
from pipelines.sources.coco import check_coco, coco_boxes, with_boxes
from pipelines.sources.listing import entry_of, folders, printable, stems_in, walk
from pipelines.sources.regular_files import bytes_of, opened
from pipelines.sources.source import read_each
from pipelines.sources.stems import AUDIO_SUFFIXES, IMAGE_SUFFIXES, Stem, StemRules, group_by_stem, record_of
from pipelines.sources.videos.bounds import MAX_BYTES as MAX_VIDEO_BYTES
from pipelines.sources.videos.bounds import SUFFIXES as VIDEO_SUFFIXES
from pipelines.sources.videos.records import REVISION as VIDEO_REVISION
from pipelines.sources.videos.records import VideoFiles, fragment_of

_REVISION = 2  # of how files become records: raise it with any change to that


def open_folder(
    root: Path,
    *,
    corpus: str,
    licence: str = "",
    languages: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    captions_are_lines: bool = False,
    annotations: str = "",
) -> "FolderSource":
    """A folder in its present state; `SourceError` where it holds no image, no clip and no video.

    `annotations`: a file of boxes as COCO writes it, relative to the folder.
    """
    if not root.is_dir():
        raise SourceError(f"{root}: no such folder. Name a folder of images and clips.")
    listing, counts = hashlib.sha256(), {"num_files": 0, "num_images": 0, "num_clips": 0, "num_videos": 0}
    for entry in walk(root, exclude=exclude):
        listing.update(f"{printable(entry.path)}\0{entry.size}\0{entry.mtime_ns}\n".encode())
        counts["num_files"] += 1
        counts["num_images"] += entry.path.lower().endswith(IMAGE_SUFFIXES)
        counts["num_clips"] += entry.path.lower().endswith(AUDIO_SUFFIXES)
        counts["num_videos"] += entry.path.lower().endswith(VIDEO_SUFFIXES)
    if not counts["num_images"] + counts["num_clips"] + counts["num_videos"]:
        raise SourceError(
            f"{root}: no media among its {counts['num_files']} files. Looked below it for "
            f"{' '.join((*IMAGE_SUFFIXES, *AUDIO_SUFFIXES, *VIDEO_SUFFIXES))} (links and hidden files are left out). "
            "Name the folder that holds the media."
        )
    coco = (str(root.resolve() / annotations), check_coco(root / annotations)) if annotations else ("", "")
    of_videos = [VIDEO_REVISION] if counts["num_videos"] else []
    of_boxes = coco if annotations else ()
    settings = digest_of([licence, list(languages), captions_are_lines, _REVISION, *of_boxes, *of_videos])
    return FolderSource(
        corpus=corpus,
        snapshot=digest_of([listing.hexdigest(), settings, list(exclude)])[:12],
        root=root.resolve(),
        rules=StemRules(
            corpus=corpus,
            license=licence or "unknown",
            languages=languages,
            captions_are_lines=captions_are_lines,
        ),
        exclude=exclude,
        settings=settings[:12],
        counts=tuple(counts.items()),
        coco=coco,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderSource:
    """One record for each clip with its image, one for each image that has no clip, and those of each video."""

    corpus: str
    snapshot: str
    root: Path
    rules: StemRules
    exclude: tuple[str, ...] = ()
    settings: str = ""
    """Digest of what decides how files become records: part of every reference's version."""
    counts: tuple[tuple[str, int], ...] = ()
    coco: tuple[str, str] = ("", "")
    """Path and version of the file of boxes."""

    def references(self) -> Iterator[Reference]:
        """Folder by folder; a locator is the folder, then the names of the record's files, its medium first."""
        row = 0
        for prefix, names in folders(self.root, exclude=self.exclude):
            for stem_name, stem in stems_in(names, self.rules.languages):
                for medium in stem.media():
                    yield self._reference(row, prefix, stem_name, stem, medium)
                    row += 1
                for reference in self._of_videos(row, prefix, stem_name, stem):
                    yield reference
                    row += 1

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        """One outcome for each, in their order."""
        return read_each(self.read_one, references)

    def read_one(self, reference: Reference) -> Record:
        prefix, *names = (part for part in reference.locator if isinstance(part, str))
        folder = self._folder(prefix, reference)
        stem = next(iter(group_by_stem(names, self.rules.languages).values()), None)
        if stem is not None and names[0] in stem.videos:
            place = [part for part in reference.locator if isinstance(part, int)]
            return self._video(folder, names[0], stem).read(reference, place, tags=_top_folder(prefix))
        if stem is None or names[0] not in stem.media():
            raise SampleError(f"{reference.name}: is no record of this folder.")
        record = record_of(
            reference, stem, names[0], rules=self.rules, read=partial(bytes_of, folder), tags=_top_folder(prefix)
        )
        path, version = self.coco
        if not path or record.image is None:
            return record
        image = next(name for name in names if name.lower().endswith(IMAGE_SUFFIXES))
        boxes = coco_boxes(Path(path), version, f"{prefix}{image}")
        return replace(record, original_data=with_boxes(record.original_data, boxes, name=reference.name))

    def facts(self) -> Mapping[str, str | int]:
        return {
            "license": self.rules.license,
            "languages": " ".join(self.rules.languages),
            "excluded": " ".join(self.exclude),
            **dict(self.counts),
        }

    def _reference(self, row: int, prefix: str, stem_name: str, stem: Stem, medium: str) -> Reference:
        names = stem.files(medium)
        entries = [entry_of(self.root, f"{prefix}{name}") for name in names]
        states = [(entry.size, entry.mtime_ns) for entry in entries if entry]
        num_media = len(names) - len(stem.texts) - len(stem.json[:1])
        return Reference(
            row=row,
            name=printable(f"{prefix}{medium}"),
            group=printable(f"{prefix}{stem_name}"),
            num_bytes=sum(size for size, _ in states[:num_media]),
            version=hashlib.blake2b(f"{self.settings}{states}".encode(), digest_size=8).hexdigest(),
            locator=(prefix, *names),
        )

    def _of_videos(self, row: int, prefix: str, stem_name: str, stem: Stem) -> Iterator[Reference]:
        """Only the headers of videos are read, and their timed text."""
        for video in stem.videos:
            names = [video, *stem.cues.values(), *stem.texts.values(), *stem.json[:1]]
            entries = [entry_of(self.root, f"{prefix}{name}") for name in names]
            states = [(entry.size, entry.mtime_ns) for entry in entries if entry]
            places = list(self._video(self.root / prefix, video, stem).places())
            for number, place in enumerate(places):
                yield Reference(
                    row=row + number,
                    name=printable(f"{prefix}{video}{fragment_of(place)}"),
                    group=printable(f"{prefix}{stem_name}"),
                    num_bytes=(states[0][0] if states else 0) // len(places),
                    version=hashlib.blake2b(f"{self.settings}{states}".encode(), digest_size=8).hexdigest(),
                    locator=(prefix, *names, *place),
                )

    def _video(self, folder: Path, video: str, stem: Stem) -> VideoFiles:
        return VideoFiles(
            video=video,
            stem=stem,
            rules=self.rules,
            open_file=partial(opened, folder, limit=MAX_VIDEO_BYTES),
            read_bytes=partial(bytes_of, folder),
        )

    def _folder(self, prefix: str, reference: Reference) -> Path:
        folder = self.root / prefix
        if not folder.resolve().is_relative_to(self.root):
            raise SampleError(f"{reference.name}: leads outside of the corpus.", status="refused")
        return folder


def _top_folder(prefix: str) -> tuple[str, ...]:
    return tuple(printable(part) for part in PurePosixPath(prefix).parts[:1])
