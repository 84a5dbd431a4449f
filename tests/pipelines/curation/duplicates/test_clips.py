from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.curation.duplicates.clips import Fingerprints, same_recordings
from pipelines.curation.duplicates.settings import NearAudio
from pipelines.signals.matching import SAME_AUDIO, audio_similarity, match_clips, paired_similarities
from tests.pipelines.curation.duplicates.pools import find_in


def words(seed: int, length: int = 120) -> NDArray[np.uint32]:
    return np.random.default_rng(seed).integers(1, 1 << 32, length, dtype=np.uint32)


def noisy(clip: NDArray[np.uint32], share: float, seed: int = 9) -> NDArray[np.uint32]:
    """A share of the words with some of their bits turned."""
    rng = np.random.default_rng(seed)
    turned = rng.integers(0, 1 << 32, len(clip), dtype=np.uint32) & rng.integers(0, 1 << 32, len(clip), dtype=np.uint32)
    return np.where(rng.random(len(clip)) < share, clip ^ turned, clip).astype(np.uint32)


def sample(uid: str, clip: NDArray[np.uint32], **given: Any) -> dict[str, Any]:
    return {"uid": uid, "group": uid, "audio_sha256": f"clip {uid}", "audio_fingerprint": clip, **given}


def ranks(*rows: dict[str, Any]) -> dict[str, int]:
    return {row["uid"]: row["rank"] for row in find_in(rows, NearAudio())}


def joined(clips: list[NDArray[np.uint32]]) -> Fingerprints:
    return Fingerprints(words=np.concatenate(clips), starts=np.cumsum([0, *map(len, clips)]))


def test_a_trimmed_and_a_noisy_copy_are_the_recording_and_another_is_not() -> None:
    clip = words(0)
    found = ranks(sample("a", clip), sample("b", clip[6:]), sample("c", noisy(clip, 0.3)), sample("d", words(1)))
    assert found == {"a": 0, "c": 1, "b": 2}, "the longest is kept, then by uid"


def test_one_clip_in_many_samples_is_no_duplicate_of_itself() -> None:
    assert ranks(*(sample(uid, words(0), audio_sha256="one") for uid in "abc")) == {}


def test_clips_that_are_merely_alike_and_said_to_be_different_are_two_recordings() -> None:
    clip, other = words(0), noisy(words(0), 0.45)
    assert SAME_AUDIO < audio_similarity(clip, other) < NearAudio().min_similarity_unlike
    captions = {"language": "en", "caption": "tooth"}, {"language": "en", "caption": "sheep"}
    assert ranks(sample("a", clip, **captions[0]), sample("b", other, **captions[1])) == {}
    assert len(ranks(sample("a", clip, **captions[0]), sample("b", other, **captions[0]))) == 2
    assert len(ranks(sample("a", clip), sample("b", other))) == 2
    assert len(ranks(sample("a", clip, **captions[0]), sample("b", clip[1:], **captions[1]))) == 2


def test_silence_and_very_short_clips_have_no_recording() -> None:
    nothing, blip = np.zeros(60, dtype=np.uint32), words(0, 2)
    assert ranks(sample("a", nothing), sample("b", nothing), sample("c", blip), sample("d", blip)) == {}


def test_the_index_finds_what_comparing_all_finds() -> None:
    clips = [words(seed, 80 + seed) for seed in range(30)]
    clips += [noisy(clip, 0.05 * (place % 8), place)[place % 12 :] for place, clip in enumerate(clips)]
    expected = {(i, j) for i, j in match_clips(clips, clips, threshold=SAME_AUDIO) if i < j}
    found = {tuple(sorted((int(i), int(j)))) for ends in same_recordings(joined(clips), SAME_AUDIO)
             for i, j in zip(*ends, strict=True)}  # fmt: skip
    assert found == expected
    assert len(expected) >= 25


def test_many_pairs_at_once_are_as_alike_as_one_by_one() -> None:
    clips = [words(0), noisy(words(0), 0.3)[3:], words(0)[16:], words(1, 40), np.zeros(30, np.uint32), words(2, 3)]
    first, second = (side.ravel() for side in np.meshgrid(np.arange(6), np.arange(6)))
    fingerprints = joined(clips)
    together = paired_similarities(fingerprints.words, fingerprints.starts, first, second)
    alone = [audio_similarity(clips[one], clips[other]) for one, other in zip(first, second, strict=True)]
    assert np.allclose(together, alone)
