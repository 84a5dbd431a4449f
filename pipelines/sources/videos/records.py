"""Videos of a folder as records: one for each cue of the timed text beside it, else one for each five seconds.

A record is what it is everywhere: one image (the frame in the middle), one clip, texts; all of a video are one group,
so no split parts them. Where they stand in the video is in `original_data`: video, start_seconds, end_seconds,
frame_seconds, seconds of the video.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO

from pipelines.errors import SampleError
from pipelines.samples import Record, Reference
from pipelines.sources.languages import UNDETERMINED, tag_of
from pipelines.sources.listing import printable
from pipelines.sources.stems import MAX_TEXT_BYTES, Read, Stem, StemRules, record_of
from pipelines.sources.videos.bounds import MAX_SEGMENTS
from pipelines.sources.videos.cues import Cue, parse_cues
from pipelines.sources.videos.cutting import cut, length_of
from pipelines.sources.videos.segments import Stretch, of_cues, windows

REVISION = 1  # of how videos become records: raise it with any change to that
Open = Callable[[str], IO[bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFiles:
    """One video of a folder and how its files are reached."""

    video: str
    stem: Stem
    rules: StemRules
    open_file: Open
    read_bytes: Read

    def stretches(self) -> list[Stretch]:
        """What of it becomes samples; SampleError where neither it nor its timed text can be read."""
        if not self.stem.cues:
            with self.open_file(self.video) as file:
                return windows(length_of(file))
        primary, *others = self._cue_files()
        cues = parse_cues(self.read_bytes(primary[1], MAX_TEXT_BYTES), name=primary[1])
        translated = {tag_of(language): self._cues(name) for language, name in others if language}
        found = of_cues(cues, tag_of(primary[0]) or self._language(), translated)
        if not found or len(found) > MAX_SEGMENTS:
            raise SampleError(f"{primary[1]}: {len(found)} cues with text, 1 to {MAX_SEGMENTS} are taken.")
        return found

    def places(self) -> Iterator[tuple[int, ...]]:
        """Beginning and end of each stretch in ms; one empty place where it cannot be read: reading that tells why."""
        try:
            yield from ((stretch.start_ms, stretch.end_ms) for stretch in self.stretches())
        except SampleError:
            yield ()

    def read(self, reference: Reference, place: Sequence[int], *, tags: tuple[str, ...]) -> Record:
        """The record of a place, with the texts that are there now."""
        found = {(one.start_ms, one.end_ms): one for one in self.stretches()}
        if tuple(place) not in found:
            raise SampleError(f"{printable(self.video)}: changed since it was listed. Pack it again.")
        return self._record(reference, found[place[0], place[1]], tags)

    def _record(self, reference: Reference, stretch: Stretch, tags: tuple[str, ...]) -> Record:
        about = record_of(reference, self.stem, "", rules=self.rules, read=self.read_bytes, tags=tags)
        with self.open_file(self.video) as file:
            seconds = length_of(file)
            file.seek(0)
            start, end = stretch.start_ms / 1000, min(stretch.end_ms / 1000, seconds)
            if start >= end:
                raise SampleError(f"{self.video}: ends at {seconds:.3f} s, its cue begins at {start:.3f} s.")
            segment = cut(file, start_seconds=start, end_seconds=end)
        texts = dict(about.texts) | dict(stretch.texts) if stretch.texts else about.texts
        language = self._spoken(about.language) if stretch.texts else about.language
        places = {"start_seconds": start, "end_seconds": end, "frame_seconds": segment.frame_seconds}
        return replace(
            about,
            language=language,
            texts=texts,
            captions=() if stretch.texts else about.captions,
            image=segment.image,
            image_extension="jpg",
            audio=segment.audio,
            audio_extension="flac" if segment.audio else "",
            original_data={
                **about.original_data,
                "video": printable(self.video),
                "video_seconds": f"{seconds:.3f}",
                **{name: f"{value:.3f}" for name, value in places.items()},
            },
        )

    def _cue_files(self) -> list[tuple[str, str]]:
        """(language, file): the plain one first, else a declared language, else in order of their names."""
        order = {"": -1, **{language: number for number, language in enumerate(self.rules.languages)}}
        return sorted(self.stem.cues.items(), key=lambda item: (order.get(item[0], len(order)), item[0]))

    def _spoken(self, about: str) -> str:
        primary = self._cue_files()[0][0]
        return tag_of(primary) or (about if about != UNDETERMINED else self._language())

    def _language(self) -> str:
        return self.rules.languages[0] if len(self.rules.languages) == 1 else UNDETERMINED

    def _cues(self, name: str) -> Sequence[Cue]:
        return parse_cues(self.read_bytes(name, MAX_TEXT_BYTES), name=name)


def fragment_of(place: Sequence[int]) -> str:
    """`#t=1.000,2.500`, as media fragments are written (W3C, 2012); empty for a video that cannot be read."""
    return f"#t={place[0] / 1000:.3f},{place[1] / 1000:.3f}" if place else ""
