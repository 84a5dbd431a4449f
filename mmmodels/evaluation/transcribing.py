"""Speech recognition on clips that training never heard: of new voices, of new words, of known words in new texts.

Word and character errors are counted by jiwer over plain texts (`speech.transcripts.plain`) and divided by what was
said, over all clips of a set together; intervals resample concepts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jiwer
import numpy as np
import torch
from numpy.typing import NDArray

from mmmodels.evaluation.intervals import RESAMPLES, SEED
from mmmodels.preparing import Prepared
from mmmodels.speech.samples import SpokenRows
from mmmodels.speech.transcribing import Transcriber, load_transcriber
from mmmodels.towers.spectrograms import LogMel
from pipelines.curation.splits import Split

HELD_OUT = (Split.HELD_OUT_VOICE, Split.HELD_OUT_CONCEPT, Split.HELD_OUT_LANGUAGE)
_BATCH = 64
PROTOCOL = {
    "version": 1,
    "questions": "clips that training never heard, told their language; sets: unseen_voices_seen_words (each word was "
    "trained on in that language), unseen_voices, unseen_words (one word or more was not), and by language and voice",
    "normalisation": "Unicode NFC, small letters, no punctuation or symbols but apostrophes inside of words",
    "rates": "errors over what was said, all clips of a set together; spaces count as characters",
    "baseline": "the transcript of the training clip of that language with the nearest mean and deviation of log-mel",
    "intervals": "95 % bootstrap over concepts, 1000 resamples",
}


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The suite `transcription`."""
    return evaluate_transcripts(load_transcriber(bundle_uri), data)


def evaluate_transcripts(transcriber: Transcriber, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """`SET/wer`, `SET/cer`, the same of the baseline, examples, counts of what could not be asked."""
    config = data.config.audio
    spoken = SpokenRows(data=data, audio=config, config=transcriber.config, alphabet=transcriber.alphabet)
    rows = np.flatnonzero(spoken.usable(*HELD_OUT))
    if not len(rows):
        return {"metrics": {}, "left_out": spoken.left_out(*HELD_OUT)}, []
    references = [spoken.transcripts[row] for row in rows.tolist()]
    heard = list(_heard(transcriber, spoken, data, rows))
    nearest = _nearest(spoken, data, rows)
    metrics: dict[str, Any] = {}
    errors = {"": _errors(references, heard), "nearest_neighbour/": _errors(references, nearest)}
    for name, chosen in _sets(spoken, rows).items():
        for prefix, counts in errors.items():
            clusters = data.groups[rows[chosen]]
            metrics |= {f"{prefix}{name}/{rate}": _rate(counts[rate][chosen], clusters) for rate in ("wer", "cer")}
    uids, groups = data.column("uid"), data.column("group")
    right = 1 - np.minimum(1.0, errors[""]["cer"][:, 0] / errors[""]["cer"][:, 1])
    queries = [
        {"metric": "characters", "uid": uids[row], "group": groups[row], "hit": hit}
        for row, hit in zip(rows.tolist(), right.tolist(), strict=True)
    ]
    examples = [{"said": said, "heard": text} for said, text in zip(references[::97], heard[::97], strict=True)]
    return {"metrics": metrics, "examples": examples, "left_out": spoken.left_out(*HELD_OUT)}, queries


def _heard(transcriber: Transcriber, spoken: SpokenRows, data: Prepared, rows: NDArray[np.int64]) -> Sequence[str]:
    """In the order of the rows; clips of about a length together."""
    texts = [""] * len(rows)
    order = np.argsort(spoken.num_samples[rows], kind="stable")
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        waves = data.media["audio"].read(rows[places])
        own = [wave[: spoken.num_samples[row]] for wave, row in zip(waves, rows[places].tolist(), strict=True)]
        languages = [spoken.language_of(row) for row in rows[places].tolist()]
        for place, text in zip(places.tolist(), transcriber.texts(own, languages), strict=True):
            texts[place] = text
    return texts


def _sets(spoken: SpokenRows, rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Name -> places among the rows; those without any are left out."""
    lexicon = spoken.lexicon()
    voice = spoken.data.in_split(Split.HELD_OUT_VOICE)[rows]
    known = np.array([_is_known(spoken, row, lexicon) for row in rows.tolist()])
    languages = np.array([spoken.language_of(row) for row in rows.tolist()])
    voices = np.array([str(name or "") for name in spoken.data.column("voice")])[rows]
    found = {"unseen_voices_seen_words": voice & known, "unseen_voices": voice, "unseen_words": ~known}
    found |= {f"language/{name}": languages == name for name in sorted(set(languages.tolist()))}
    found |= {f"voice/{name}": voice & (voices == name) for name in sorted(set(voices[voice].tolist()))}
    return {name: np.flatnonzero(chosen) for name, chosen in found.items() if chosen.any()}


def _is_known(spoken: SpokenRows, row: int, lexicon: Mapping[str, Mapping[str, int]]) -> bool:
    words = lexicon.get(spoken.language_of(row), {})
    return all(word in words for word in spoken.transcripts[row].split())


def _errors(references: Sequence[str], heard: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """`wer` and `cer` -> (clips, 2): errors, and words or characters that were said."""
    counts: dict[str, list[tuple[int, int]]] = {"wer": [], "cer": []}
    for said, text in zip(references, heard, strict=True):
        found: dict[str, Any] = {"wer": jiwer.process_words(said, text), "cer": jiwer.process_characters(said, text)}
        for name, one in found.items():
            wrong = one.substitutions + one.deletions
            counts[name].append((wrong + one.insertions, wrong + one.hits))
    return {name: np.array(values, dtype=np.float64) for name, values in counts.items()}


def _rate(counts_N2: NDArray[np.float64], clusters: NDArray[np.int64]) -> dict[str, float]:
    """Errors over what was said, of all clips together; chance is saying nothing, of which all is wrong."""
    labels = np.unique(clusters, return_inverse=True)[1]
    sums_G2 = np.stack([np.bincount(labels, weights=counts_N2[:, side]) for side in (0, 1)], axis=1)
    draws = np.random.default_rng(SEED).integers(0, len(sums_G2), size=(RESAMPLES, len(sums_G2)))
    drawn_R2 = sums_G2[draws].sum(axis=1)
    low, high = np.percentile(drawn_R2[:, 0] / drawn_R2[:, 1], [2.5, 97.5])
    value = counts_N2[:, 0].sum() / counts_N2[:, 1].sum()
    return {"value": float(value), "low": float(low), "high": float(high), "n": len(counts_N2), "chance": 1.0}


def _nearest(spoken: SpokenRows, data: Prepared, rows: NDArray[np.int64]) -> list[str]:
    """What the training clip says whose sound is nearest on average, among those of the language."""
    trained = np.flatnonzero(spoken.usable(Split.TRAIN))
    known_ND, asked_QD = (_averages(spoken, data, some) for some in (trained, rows))
    mean_D, spread_D = known_ND.mean(axis=0), known_ND.std(axis=0) + 1e-6
    known_ND, asked_QD = (known_ND - mean_D) / spread_D, (asked_QD - mean_D) / spread_D
    languages = np.array([spoken.language_of(row) for row in trained.tolist()])
    texts = []
    for row, asked_D in zip(rows.tolist(), asked_QD, strict=True):
        same = np.flatnonzero(languages == spoken.language_of(row))
        among = same if len(same) else np.arange(len(trained))
        best = among[np.argmin(((known_ND[among] - asked_D) ** 2).sum(axis=1))]
        texts.append(spoken.transcripts[trained[best]])
    return texts


@torch.inference_mode()
def _averages(spoken: SpokenRows, data: Prepared, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(rows, 2 bands + 1): mean and deviation of each band over the clip, and its length."""
    log_mel, found = LogMel(data.config.audio), []
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        mel_BMT = log_mel(torch.from_numpy(data.media["audio"].read(some))).numpy()
        for mel_MT, samples in zip(mel_BMT, spoken.num_samples[some].tolist(), strict=True):
            own_MT = mel_MT[:, : samples // data.config.audio.hop_samples + 1]
            found.append([*own_MT.mean(axis=1), *own_MT.std(axis=1), float(samples)])
    return np.array(found)
