"""What is hidden: the same number of each sample, by its key alone, never the ends of a text."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from mmmodels.reconstruction.masking import disturbed, hidden_patches, hidden_tokens, patches_of, put_together
from mmmodels.towers.chance import sample_keys

TEXTS = torch.tensor([[1, 5, 7, 9, 11, 299, 0, 0], [1, 6, 299, 0, 0, 0, 0, 0], [1, 299, 0, 0, 0, 0, 0, 0]])


def keys(num, seed=0):
    return sample_keys(seed, torch.arange(num))


@given(num=some.integers(2, 80), share=some.floats(0.01, 0.99), seed=some.integers(0, 9))
def test_as_many_patches_of_every_sample_are_hidden_and_some_are_left(num, share, seed):
    hidden = hidden_patches(keys(5, seed), num, share=share)
    counts = hidden.sum(dim=1)
    assert hidden.shape == (5, num)
    assert (counts == counts[0]).all()
    assert 0 < int(counts[0]) < num
    assert abs(int(counts[0]) - num * share) <= 1


def test_what_is_hidden_hangs_on_the_sample_and_not_on_its_batch():
    whole = hidden_patches(keys(8), 64, share=0.5)
    assert torch.equal(whole[5:], hidden_patches(keys(8)[5:], 64, share=0.5))
    assert not torch.equal(whole[0], whole[1])
    assert not torch.equal(whole, hidden_patches(keys(8, seed=1), 64, share=0.5))


def test_stretches_of_time_are_hidden_as_a_whole():
    hidden = hidden_patches(keys(4), 32, share=0.5, run=4).reshape(4, 8, 4)
    assert (hidden.all(dim=2) == hidden.any(dim=2)).all()
    assert hidden.all(dim=2).sum(dim=1).tolist() == [4] * 4


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_of_a_text_with_words_at_least_one_is_hidden_and_never_its_ends(share):
    for seed in range(20):
        hidden = hidden_tokens(TEXTS, keys(3, seed), share=share)
        assert not hidden[:, 0].any()
        assert not hidden[TEXTS >= 299].any()
        assert not hidden[TEXTS == 0].any()
        assert hidden.any(dim=1).tolist() == [True, True, False]


def test_a_wider_batch_hides_the_same_tokens():
    wide = torch.nn.functional.pad(TEXTS, (0, 8))
    assert torch.equal(hidden_tokens(wide, keys(3), share=0.5)[:, :8], hidden_tokens(TEXTS, keys(3), share=0.5))


def test_hidden_tokens_become_the_mask_or_another_or_stay_as_bert_has_it_and_no_text_is_cut():
    ids = torch.full((400, 30), 17)
    ids[:, 0], ids[:, -1] = 1, 299
    hidden = hidden_tokens(ids, keys(400), share=0.5)
    given_ids, masked = disturbed(ids, hidden, keys(400))
    assert not masked[~hidden].any()
    assert torch.equal(given_ids[~hidden], ids[~hidden])
    num = int(hidden.sum())
    assert int(masked.sum()) / num == pytest.approx(0.8, abs=0.02)
    assert int((given_ids != ids).sum()) / num == pytest.approx(0.1, abs=0.02)
    assert given_ids[:, 1:-1].min() >= 2
    assert torch.equal(given_ids.argmax(dim=1), ids.argmax(dim=1))


@given(rows=some.integers(1, 4), columns=some.integers(1, 4), channels=some.integers(1, 3))
def test_patches_put_together_are_the_picture(rows, columns, channels):
    picture = torch.arange(2.0 * channels * rows * 4 * columns * 2).reshape(2, channels, rows * 4, columns * 2)
    patches = patches_of(picture, (4, 2))
    assert patches.shape == (2, rows * columns, channels * 8)
    assert torch.equal(put_together(patches, (4, 2), tuple(picture.shape[1:])), picture)
    assert torch.equal(patches[0, 0], picture[0, :, :4, :2].flatten())
