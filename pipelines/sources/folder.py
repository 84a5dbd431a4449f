"""A user's own folder: media with sidecars by stem (`a.jpg a.txt a.fr.txt a.json a.fr.ogg`), nested at will."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipelines.errors import SampleError, SourceError
from pipelines.samples import Record, Reference, digest_of
from pipelines.sources.listing import AUDIO_SUFFIXES, IMAGE_SUFFIXES, Clip, Stem, group_by_stem, stems_of, walk
from pipelines.sources.notes import Notes, parse_notes
from pipelines.sources.source import read_each

UNDETERMINED = "und"
MAX_TEXT_BYTES = 1 << 20
MAX_FILE_BYTES = 256 << 20
_REVISION = 1  # of how files become records: raise it with any change to that


def folder_corpus_name(folder: Path) -> str:
    """A name for a folder that is in no catalog: its own name, and six digits of where it is."""
    resolved = folder.resolve()
    slug = re.sub(r"[^a-z0-9]+", "-", resolved.name.lower()).strip("-")[:40] or "folder"
    return f"{slug}-{digest_of(str(resolved).encode(errors='surrogateescape').hex())[:6]}"


def open_folder(
    root: Path, *, corpus: str, licence: str = "", languages: tuple[str, ...] = (), exclude: tuple[str, ...] = ()
) -> "FolderSource":
    """A folder in its present state; `SourceError` where it holds no image and no clip."""
    if not root.is_dir():
        raise SourceError(f"{root}: no such folder. Name a folder of images and clips.")
    entries = list(walk(root, exclude=exclude))
    suffixes = (*IMAGE_SUFFIXES, *AUDIO_SUFFIXES)
    if not any(entry.path.lower().endswith(suffixes) for entry in entries):
        raise SourceError(
            f"{root}: no media among its {len(entries)} files. Looked below it for {' '.join(suffixes)} "
            "(links and hidden files are left out). Name the folder that holds the media."
        )
    listing = [[_printable(entry.path), entry.size, entry.mtime_ns] for entry in entries]
    settings = [licence, list(languages), list(exclude), _REVISION]
    return FolderSource(
        corpus=corpus,
        snapshot=digest_of([listing, settings])[:12],
        root=root.resolve(),
        license=licence or "unknown",
        languages=languages,
        exclude=exclude,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderSource:
    """One record for each clip with its image, and one for each image that has no clip."""

    corpus: str
    snapshot: str
    root: Path
    license: str
    languages: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def references(self) -> Iterator[Reference]:
        row = 0
        for folder, names in self._folders():
            for stem_name, stem in group_by_stem(iter(names)).items():
                for name in _media_names(stem):
                    yield Reference(row=row, name=f"{folder}{name}", group=f"{folder}{stem_name}")
                    row += 1

    def read(self, references: Iterable[Reference]) -> Iterator[Record | SampleError]:
        """One outcome for each, in their order."""
        return read_each(self.read_one, references)

    def read_one(self, reference: Reference) -> Record:
        folder = self._folder_of(reference)
        name = PurePosixPath(reference.name).name
        stem = stems_of(folder).get(PurePosixPath(reference.group).name)
        if stem is None or name not in _media_names(stem):
            raise SampleError(f"{reference.name}: not there any more, or its name is not UTF-8.")
        clip = next((clip for clip in stem.clips if clip.name == name), None)
        notes = _notes(folder / stem.json[0]) if stem.json else Notes()
        language, texts = self._texts(folder, stem, notes, clip)
        image = stem.images[0] if clip and stem.images else name
        return Record(
            reference=reference,
            language=language,
            texts=texts,
            source=self.corpus,
            license=notes.license or self.license,
            url=notes.url,
            image=_bytes(folder / image) if stem.images else None,
            image_extension=PurePosixPath(image).suffix[1:].lower() if stem.images else "",
            audio=_bytes(folder / clip.name) if clip else None,
            audio_extension=PurePosixPath(clip.name).suffix[1:].lower() if clip else "",
            voice=notes.voice,
            tags=notes.tags or _top_folder(reference.name),
            original_data=notes.original_data,
        )

    def facts(self) -> Mapping[str, str | int]:
        paths = [entry.path.lower() for entry in walk(self.root, exclude=self.exclude)]
        return {
            "license": self.license,
            "languages": " ".join(self.languages),
            "num_files": len(paths),
            "num_images": sum(path.endswith(IMAGE_SUFFIXES) for path in paths),
            "num_clips": sum(path.endswith(AUDIO_SUFFIXES) for path in paths),
            "excluded": " ".join(self.exclude),
        }

    def _folders(self) -> Iterator[tuple[str, list[str]]]:
        """Prefix (`animals/` or "") and file names, folder by folder."""
        by_folder: dict[str, list[str]] = {}
        for entry in walk(self.root, exclude=self.exclude):
            prefix, slash, name = _printable(entry.path).rpartition("/")
            by_folder.setdefault(prefix + slash, []).append(name)
        yield from sorted(by_folder.items())

    def _folder_of(self, reference: Reference) -> Path:
        folder = (self.root / reference.name).parent
        if not folder.resolve().is_relative_to(self.root):
            raise SampleError(f"{reference.name}: leads outside of the corpus.", status="refused")
        if not folder.is_dir():
            raise SampleError(f"{reference.name}: not there any more, or its name is not UTF-8.")
        return folder

    def _texts(self, folder: Path, stem: Stem, notes: Notes, clip: Clip | None) -> tuple[str, dict[str, str]]:
        """Language of the record, and its texts; files win over the json."""
        default = notes.language or (self.languages[0] if len(self.languages) == 1 else UNDETERMINED)
        texts = dict(notes.texts)
        if notes.caption:
            texts[default] = notes.caption
        for language, name in stem.texts.items():
            texts[_tag(language) or default] = _caption(folder / name)
        texts = {language: texts[language] for language in sorted(texts) if texts[language]}
        return _language(clip, default, notes, texts, self.languages), texts


def _language(
    clip: Clip | None, default: str, notes: Notes, texts: Mapping[str, str], languages: tuple[str, ...]
) -> str:
    """What the clip's name says, else the json, else the plain text's, else the first declared or sorted one."""
    if clip and clip.language:
        return _tag(clip.language)
    if notes.language or default in texts or not texts:
        return default
    return next((language for language in languages if language in texts), next(iter(texts)))


def _media_names(stem: Stem) -> list[str]:
    """The file that names each record of a stem: its clips, then images that no clip goes with."""
    return [clip.name for clip in stem.clips] + stem.images[1 if stem.clips else 0 :]


def _tag(language: str) -> str:
    return language.replace("_", "-")


def _top_folder(name: str) -> tuple[str, ...]:
    parts = PurePosixPath(name).parts
    return (parts[0],) if len(parts) > 1 else ()


def _notes(path: Path) -> Notes:
    return parse_notes(_bytes(path, limit=MAX_TEXT_BYTES), name=path.name)


def _caption(path: Path) -> str:
    try:
        return " ".join(_bytes(path, limit=MAX_TEXT_BYTES).decode("utf-8-sig").split())
    except UnicodeDecodeError as error:
        raise SampleError(f"{path.name}: not UTF-8 ({error.reason} at byte {error.start}). Convert it.") from error


def _bytes(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise SampleError(f"{path.name}: cannot be read ({error.strerror}).") from error
    if len(data) > limit:
        raise SampleError(f"{path.name}: larger than {limit} bytes.", status="refused")
    return data


def _printable(text: str) -> str:
    """File names need not be UTF-8; a reference's name must be."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
