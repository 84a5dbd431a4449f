"""Files that share a stem (`a.jpg a.txt a.fr.txt a.json a.fr.ogg`), in a folder or a tar, and the records they are."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.errors import SampleError
from pipelines.samples import Record, Reference
from pipelines.sources.languages import UNDETERMINED, split_language, tag_of
from pipelines.sources.notes import Notes, parse_notes
from pipelines.sources.videos.bounds import SUFFIXES as VIDEO_SUFFIXES
from pipelines.sources.videos.cues import SUFFIXES as CUE_SUFFIXES

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
AUDIO_SUFFIXES = (".flac", ".wav", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
MAX_TEXT_BYTES = 1 << 20
MAX_FILE_BYTES = 256 << 20

_IMAGES = frozenset(IMAGE_SUFFIXES)
_CLIPS = frozenset(AUDIO_SUFFIXES)
_OF_A_LANGUAGE = frozenset({".txt", *AUDIO_SUFFIXES, *CUE_SUFFIXES})

Read = Callable[[str, int], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A sound file and what its name says of it."""

    name: str
    language: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stem:
    """The files of one folder that share a stem; names are relative to that folder."""

    images: list[str] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """Language -> file name; "" is the plain `a.txt`."""
    json: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    cues: dict[str, str] = field(default_factory=dict)
    """Language -> file of timed text; "" is the plain `a.srt`."""

    def media(self) -> list[str]:
        """The file that names each record of a stem: its clips, then images that no clip goes with."""
        return [clip.name for clip in self.clips] + self.images[1 if self.clips else 0 :]

    def files(self, medium: str) -> list[str]:
        """What the record of `medium` is made of, itself first, its image second where it is a clip."""
        media = [medium, *self.images[:1]] if any(clip.name == medium for clip in self.clips) else [medium]
        return [name for name in (*media, *self.texts.values(), *self.json[:1]) if name]


@dataclass(frozen=True, kw_only=True, slots=True)
class StemRules:
    """How the files of a stem become a record."""

    corpus: str
    license: str
    languages: tuple[str, ...] = ()
    captions_are_lines: bool = False
    """Each line of a text is a caption; else a text is one caption."""


def group_by_stem(names: Iterable[str], languages: Collection[str] = ()) -> Mapping[str, Stem]:
    """File names of one folder by stem; hidden ones and those with other suffixes are left out."""
    stems: dict[str, Stem] = {}
    for name in sorted(names):
        base, dot, suffix = name.rpartition(".")
        suffix = dot + suffix.lower()
        if not base or name.startswith("."):
            continue
        if suffix in _IMAGES:
            stems.setdefault(base, Stem()).images.append(name)
        elif suffix in VIDEO_SUFFIXES:
            stems.setdefault(base, Stem()).videos.append(name)
        elif suffix == ".json":
            stems.setdefault(base, Stem()).json.append(name)
        elif suffix in _OF_A_LANGUAGE:
            stem, language = split_language(base, languages)
            _take(stems.setdefault(stem, Stem()), name, suffix, language)
    return stems


def _take(stem: Stem, name: str, suffix: str, language: str) -> None:
    """A file whose name may end in a language."""
    if suffix in _CLIPS:
        stem.clips.append(Clip(name=name, language=language))
    else:
        (stem.texts if suffix == ".txt" else stem.cues).setdefault(language, name)


def record_of(
    reference: Reference, stem: Stem, medium: str, *, rules: StemRules, read: Read, tags: tuple[str, ...] = ()
) -> Record:
    """The record of one medium of a stem; `read` gives a file's bytes up to a limit. A text-only stem has medium ""."""
    clip = next((clip for clip in stem.clips if clip.name == medium), None)
    notes = parse_notes(read(stem.json[0], MAX_TEXT_BYTES), name=stem.json[0]) if stem.json else Notes()
    language, texts = _texts(stem, notes, clip, rules, read)
    caption, *others = texts.get(language, ("",))
    image = stem.images[0] if clip and stem.images else "" if clip else medium
    return Record(
        reference=reference,
        language=language,
        texts={language: captions[0] for language, captions in texts.items()},
        captions=tuple(dict.fromkeys(other for other in others if other != caption)),
        source=rules.corpus,
        license=notes.license or rules.license,
        url=notes.url,
        image=read(image, MAX_FILE_BYTES) if image else None,
        image_extension=_extension(image),
        audio=read(clip.name, MAX_FILE_BYTES) if clip else None,
        audio_extension=_extension(clip.name) if clip else "",
        voice=notes.voice,
        tags=notes.tags or tags,
        face_bboxes=notes.face_bboxes,
        original_data=notes.original_data,
    )


def _texts(
    stem: Stem, notes: Notes, clip: Clip | None, rules: StemRules, read: Read
) -> tuple[str, dict[str, list[str]]]:
    """Language of the record, and captions by language; files win over a json that knows other captions."""
    default = notes.language or (rules.languages[0] if len(rules.languages) == 1 else UNDETERMINED)
    texts = {language: [text] for language, text in notes.texts.items()}
    if notes.caption:
        texts[default] = [notes.caption, *notes.captions]
    for language, name in stem.texts.items():
        captions = captions_of(read(name, MAX_TEXT_BYTES), name=name, are_lines=rules.captions_are_lines)
        tag = tag_of(language) or default
        known = texts.get(tag, [])
        texts[tag] = [*captions, *known] if set(captions) & set(known) else captions
    texts = {language: texts[language] for language in sorted(texts) if texts[language] and texts[language][0]}
    return _language(clip, default, notes, texts, rules.languages), texts


def _language(
    clip: Clip | None, default: str, notes: Notes, texts: Mapping[str, object], languages: tuple[str, ...]
) -> str:
    """What the clip's name says, else the json, else the plain text's, else the first declared or sorted one."""
    if clip and clip.language:
        return tag_of(clip.language)
    if notes.language or default in texts or not texts:
        return default
    return next((language for language in languages if language in texts), next(iter(texts)))


def captions_of(data: bytes, *, name: str, are_lines: bool) -> list[str]:
    """The text of a file as one caption, or one a line; white space is folded, empty ones are left out."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SampleError(f"{name}: not UTF-8 ({error.reason} at byte {error.start}). Convert it.") from error
    captions = (" ".join(part.split()) for part in (text.splitlines() if are_lines else [text]))
    return [caption for caption in captions if caption]


def _extension(name: str) -> str:
    return name.rpartition(".")[2].lower()
