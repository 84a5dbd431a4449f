"""`python -m tests.benchmarks.matching --root ROOT`: how many changed copies the fingerprints find, and what else.

Copies of some members are looked for among all members of a snapshot. What counts:
- right: a copy and the member that it was made of;
- not counted: another member of the same group (the corpus says that both show one thing, such as the skin tones of an
  emoji), and originals that a comparison of all pixels or samples, without fingerprints, calls one: of two drawings 95
  of 100 pixels (a face and the same face with another mouth), of two clips the wave (correlation over 0.9);
- wrong: every other pair.
"""

import argparse
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from PIL import Image

from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot
from pipelines.shards.snapshots import choose_snapshots, num_shards
from pipelines.signals.decoding import Clip, Picture, decode_image
from pipelines.signals.fingerprints import hash_clips, hash_pictures
from pipelines.signals.matching import match_clips, match_pictures
from pipelines.signals.members import members_of, read_samples

_SIDE = 128
_NOTICED = 32
_CHANGED_SHARE = 0.05
"""Pictures are one where no more of the pixels than this differ by more than _NOTICED of 255 levels, at 128 x 128."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One picture or clip, with every thing that it stands for."""

    groups: frozenset[str]
    content: Any
    """A Picture or a Clip."""


@dataclass(kw_only=True, slots=True)
class Matches:
    """What was found of the copies."""

    num_copies: Counter[str] = field(default_factory=Counter)
    num_found: Counter[str] = field(default_factory=Counter)
    num_wrong: int = 0
    num_uncounted: int = 0

    @property
    def recall(self) -> float:
        return self.num_found.total() / max(1, self.num_copies.total())

    @property
    def precision(self) -> float:
        return self.num_found.total() / max(1, self.num_found.total() + self.num_wrong)


def _encoded(picture: Picture, kind: str, quality: int) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture.pixels).save(buffer, kind, quality=quality)
    return decode_image(buffer.getvalue())


def _resized(picture: Picture, factor: float) -> Picture:
    height, width = picture.luminance.shape
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    pixels = np.asarray(Image.fromarray(picture.pixels).resize(size, Image.Resampling.BICUBIC))
    return Picture(pixels=pixels, luminance=np.asarray(Image.fromarray(pixels).convert("L")))


def _dimmed(picture: Picture, gain: float) -> Picture:
    pixels = np.rint(picture.pixels * gain).astype(np.uint8)
    return Picture(pixels=pixels, luminance=np.asarray(Image.fromarray(pixels).convert("L")))


def _clip(wave: NDArray[Any], rate: int) -> Clip:
    return Clip(samples=np.asarray(wave, dtype=np.float32)[:, None], sample_rate_hz=rate)


def _coded(clip: Clip, kind: str, subtype: str) -> Clip:
    """Codecs know few rates: what they do not know is resampled to 16 kHz first."""
    wave, rate = clip.mono, clip.sample_rate_hz
    if rate not in {8000, 16000, 22050, 32000, 44100, 48000}:
        wave, rate = soxr.resample(wave, rate, 16000), 16000
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(wave, -1, 1), rate, format=kind, subtype=subtype)
    return _clip(*soundfile.read(io.BytesIO(buffer.getvalue()), dtype="float32"))


def _at_rate(clip: Clip, rate: int) -> Clip:
    return _clip(soxr.resample(clip.mono, clip.sample_rate_hz, rate), rate)


def _cut(clip: Clip, seconds: float) -> Clip:
    return _clip(clip.mono[round(seconds * clip.sample_rate_hz) :], clip.sample_rate_hz)


PICTURE_COPIES: dict[str, Callable[[Picture], Picture]] = {
    "jpeg 75": lambda one: _encoded(one, "JPEG", 75),
    "jpeg 40": lambda one: _encoded(one, "JPEG", 40),
    "webp 60": lambda one: _encoded(one, "WEBP", 60),
    "two thirds": lambda one: _resized(one, 2 / 3),
    "double": lambda one: _resized(one, 2.0),
    "darker": lambda one: _dimmed(one, 0.8),
}
CLIP_COPIES: dict[str, Callable[[Clip], Clip]] = {
    "mp3": lambda one: _coded(one, "MP3", "MPEG_LAYER_III"),
    "ogg": lambda one: _coded(one, "OGG", "VORBIS"),
    "quieter": lambda one: _clip(one.mono * 0.1, one.sample_rate_hz),
    "8 kHz": lambda one: _at_rate(one, 8000),
    "44.1 kHz": lambda one: _at_rate(one, 44100),
    "40 ms cut": lambda one: _cut(one, 0.04),
}


def match_copies(members: Sequence[Member], modality: Modality, *, num_queries: int) -> Matches:
    """Of copies of some members, spread evenly, among all."""
    step = max(1, len(members) // num_queries)
    chosen = list(range(0, len(members), step))[:num_queries]
    hashed, match, copies, is_same = _KINDS[modality]
    library = hashed([member.content for member in members])
    found = Matches()
    for name, change in copies.items():
        queries = hashed([change(members[place].content) for place in chosen])
        found.num_copies[name] += len(chosen)
        for query, place in match(queries, library):
            original, other = members[chosen[query]], members[place]
            if other is original:
                found.num_found[name] += 1
            elif original.groups & other.groups or is_same(original.content, other.content):
                found.num_uncounted += 1
            else:
                found.num_wrong += 1
    return found


def _look_alike(left: Picture, right: Picture) -> bool:
    first, second = (
        np.asarray(Image.fromarray(one.pixels).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)).astype(np.int16)
        for one in (left, right)
    )
    return float(np.mean(np.abs(first - second).max(axis=2) > _NOTICED)) <= _CHANGED_SHARE


def _sound_alike(left: Clip, right: Clip) -> bool:
    """One wave with another gain, at the best alignment: correlation over 0.9."""
    first, second = (_at_rate(one, 8000).mono for one in (left, right))
    size = 2 ** int(np.ceil(np.log2(len(first) + len(second))))
    spectrum = np.fft.rfft(first, size) * np.conj(np.fft.rfft(second, size))
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return norm > 0 and float(np.abs(np.fft.irfft(spectrum, size)).max()) / norm > 0.9


_KINDS: dict[Modality, tuple[Any, Any, Any, Any]] = {
    Modality.IMAGE: (hash_pictures, match_pictures, PICTURE_COPIES, _look_alike),
    Modality.AUDIO: (lambda batch: hash_clips(batch)["audio_fingerprint"], match_clips, CLIP_COPIES, _sound_alike),
}


def members_in(layout: Layout, snapshot: Snapshot, modality: Modality, *, limit: int) -> list[Member]:
    """The different members of a snapshot; over `limit`, of its first shards."""
    groups: dict[str, set[str]] = {}
    content: dict[str, Any] = {}
    for shard in range(num_shards(layout, snapshot)):
        samples = read_samples(layout, snapshot, shard)
        digests = dict(zip(samples["uid"].to_pylist(), samples[f"{modality}_sha256"].to_pylist(), strict=True))
        for digest, group in zip(digests.values(), samples["group"].to_pylist(), strict=True):
            groups.setdefault(digest, set()).add(group)
        if len(content) < limit:
            members = members_of(samples, modality, tar=layout.tar(snapshot, shard))
            decoded = (one for batch in members.batches() for one in batch)
            content |= {digests[uid]: one for uid, one in zip(members.uids, decoded, strict=True)}
    return [Member(groups=frozenset(groups[digest]), content=one) for digest, one in content.items()]


def main() -> None:
    """Print recall and precision for pictures and clips of every snapshot under a root."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.matching", description=__doc__.split("\n")[0])
    parser.add_argument("--root", required=True)
    parser.add_argument("--queries", type=int, default=200, help="members that are copied (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=4000, help="members to look among (default: %(default)s)")
    args = parser.parse_args()
    layout = Layout(args.root)
    for snapshot in choose_snapshots(layout, corpus=None, snapshot=None):
        for modality in (Modality.IMAGE, Modality.AUDIO):
            members = members_in(layout, snapshot, modality, limit=args.limit)
            found = match_copies(members, modality, num_queries=args.queries)
            sys.stdout.write("\n".join(_lines(f"{snapshot} {modality}", len(members), found)) + "\n")
            sys.stdout.flush()


def _lines(what: str, num_members: int, found: Matches) -> Iterator[str]:
    yield f"{what}: recall {found.recall:.2%}, precision {found.precision:.2%}"
    yield (
        f"  {found.num_copies.total():,} copies among {num_members:,} members; {found.num_wrong} other pairs, "
        f"{found.num_uncounted} not counted"
    )
    yield "  " + "  ".join(f"{name} {found.num_found[name] / number:.1%}" for name, number in found.num_copies.items())


if __name__ == "__main__":
    main()
