"""Mixup: neighbours, the same share for both, their own part the larger, whatever the ranks."""

import pytest
import torch

from mmmodels.errors import RecipeError
from mmmodels.towers.mixing import mixed, neighbours, own_shares


def test_pairs_share_a_share_and_ranks_agree_on_it():
    shares = own_shares(3, torch.arange(64), alpha=0.4)
    assert torch.equal(shares[0::2], shares[1::2])
    assert torch.equal(own_shares(3, torch.arange(32, 64), alpha=0.4), shares[32:])
    assert not torch.equal(own_shares(4, torch.arange(64), alpha=0.4), shares)
    assert 0.5 <= shares.min() < shares.max() <= 1


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_follow_the_distribution(alpha):
    shares = own_shares(0, torch.arange(20_000), alpha=alpha)
    variance = 1 / (4 * (2 * alpha + 1))
    assert (shares - 0.5).square().mean().item() == pytest.approx(variance, rel=0.05)


def test_pictures_and_clips_are_blended_and_texts_are_not():
    media = {
        "image": torch.tensor([[0], [200]], dtype=torch.uint8),
        "audio": torch.tensor([[-30000], [30000]], dtype=torch.int16),
        "text": torch.tensor([[1, 5], [1, 6]]),
        "has_image": torch.tensor([True, False]),
    }
    found = mixed(media, neighbours(torch.arange(2)), torch.tensor([0.75, 0.75]))
    assert found["image"].flatten().tolist() == [50, 150]
    assert found["audio"].flatten().tolist() == [-15000, 15000]
    assert torch.equal(found["text"], media["text"])
    assert torch.equal(found["has_image"], media["has_image"])


def test_a_batch_that_is_no_pairs_is_refused():
    with pytest.raises(RecipeError, match="even batch size"):
        neighbours(torch.arange(3))
