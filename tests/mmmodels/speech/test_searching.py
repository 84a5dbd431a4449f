from itertools import product

import numpy as np
import pytest
import torch

from mmmodels.speech.recogniser import likeliest
from mmmodels.speech.searching import Lexicon, search
from mmmodels.speech.transcripts import BLANK, Alphabet


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    once = [unit for place, unit in enumerate(path) if not place or unit != path[place - 1]]
    return tuple(unit for unit in once if unit != BLANK)


def exhaustive(log_probabilities: np.ndarray) -> tuple[int, ...]:
    """The likeliest text by adding up every alignment there is."""
    frames, units = log_probabilities.shape
    totals: dict[tuple[int, ...], float] = {}
    for path in product(range(units), repeat=frames):
        probability = float(np.exp(log_probabilities[np.arange(frames), list(path)].sum()))
        totals[collapsed(path)] = totals.get(collapsed(path), 0.0) + probability
    return max(totals, key=lambda text: totals[text])


@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_likeliest_text_of_all_alignments(seed: int):
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed))
    log_probabilities = logits.log_softmax(dim=1).numpy()
    assert tuple(search(log_probabilities, beam=500)) == exhaustive(log_probabilities)


def test_the_sum_of_alignments_can_beat_the_best_path():
    log_probabilities = np.log(np.array([[0.6, 0.4], [0.6, 0.4]], dtype=np.float32))
    assert likeliest(torch.from_numpy(log_probabilities)) == []
    assert search(log_probabilities, beam=4) == [1]


def test_equal_letters_need_a_blank_between_them():
    certain = np.full((3, 2), np.log(1e-9), dtype=np.float32)
    certain[[0, 1, 2], [1, 1, 1]] = 0.0
    assert search(certain, beam=4) == [1]
    certain[1] = certain[1][::-1]
    assert search(certain, beam=4) == [1, 1]


def test_a_lexicon_prefers_the_word_that_is_said():
    alphabet = Alphabet((" ", "a", "c", "k", "t"))
    sounds = np.full((3, 6), 0.01, dtype=np.float32)
    sounds[0, alphabet.units["c"]], sounds[1, alphabet.units["a"]] = 0.9, 0.9
    sounds[2, alphabet.units["k"]], sounds[2, alphabet.units["t"]] = 0.5, 0.4
    log_probabilities = np.log(sounds)
    assert alphabet.decode(search(log_probabilities, beam=16)) == "cak"
    lexicon = Lexicon({"cat": 5}, alphabet=alphabet, weight=1.0, bonus=0.0)
    assert alphabet.decode(search(log_probabilities, beam=16, lexicon=lexicon)) == "cat"
