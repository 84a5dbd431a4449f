"""Members of a tar into samples: those that share what stands before the first dot, wherever in the tar they are."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from pipelines.sources.languages import is_language
from pipelines.sources.stems import AUDIO_SUFFIXES, IMAGE_SUFFIXES, Clip, Stem
from pipelines.sources.webdatasets.walking import Member

CLASS = "cls"
_IMAGES = frozenset(suffix[1:] for suffix in IMAGE_SUFFIXES)
_CLIPS = frozenset(suffix[1:] for suffix in AUDIO_SUFFIXES)


@dataclass(slots=True)
class Sample:
    """One key of a tar; a key that comes again with a part that is there already is another sample of that name."""

    key: str
    parts: dict[str, Member] = field(default_factory=dict)
    """Extension in lower case -> member."""
    problem: str = ""


def group_members(members: Iterable[Member]) -> Iterator[Sample]:
    """Samples in the order of their first members. A tar whose pictures come first and its texts last is read right;
    the price is that the members of one tar are held at once, some 300 bytes each."""
    by_key: dict[str, list[Sample]] = {}
    samples: list[Sample] = []
    for member in members:
        key, extension = split_key(member.name)
        if not key:
            continue
        same = by_key.setdefault(key, [])
        for sample in same:
            if extension not in sample.parts:
                break
        else:
            sample = Sample(key)
            same.append(sample)
            samples.append(sample)
        sample.parts[extension] = member
        if member.problem and not sample.problem:
            sample.problem = f"{member.name} {member.problem}" if extension else member.problem
    yield from samples


def split_key(name: str) -> tuple[str, str]:
    """`train/0001.fr.txt` -> (`train/0001`, `fr.txt`), as webdataset does; no key for files without extension, hidden
    ones and `__notes__`. What stands for a bad header is a sample by itself."""
    folder, slash, last = name.rpartition("/")
    base, _, extension = last.partition(".")
    if name.startswith("@"):
        return name, ""
    if not extension or not base or (base.startswith("__") and base.endswith("__")):
        return "", ""
    return folder + slash + base, extension.lower()


def stem_of(sample_parts: Iterable[str], base: str, languages: Collection[str]) -> Stem:
    """The parts by what they are: `jpg`, `fr.txt`, `fr.2.flac`, `json`; parts of other tools (`syn.json`, `url.txt`,
    `npy`) are left out, pictures of several names (`left.png`) are kept, the plainest first."""
    stem = Stem()
    for part in sorted(sample_parts, key=lambda part: (part.count("."), part)):
        middle, _, kind = part.rpartition(".")
        name = f"{base}.{part}"
        language = next((word for word in middle.split(".") if is_language(word, languages)), "")
        if kind in _IMAGES:
            stem.images.append(name)
        elif kind in _CLIPS:
            stem.clips.append(Clip(name=name, language=language))
        elif kind == "txt" and (language or not middle):
            stem.texts.setdefault(language, name)
        elif part == "json":
            stem.json.append(name)
    return stem


def is_medium(part: str) -> bool:
    """Whether a part is a picture or a clip."""
    kind = part.rpartition(".")[2]
    return kind in _IMAGES or kind in _CLIPS
