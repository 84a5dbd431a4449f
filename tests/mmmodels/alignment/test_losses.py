"""The losses against open_clip's in value and gradient, their masks, their parts, and two ranks against one process."""

from itertools import product

import pytest
import torch
from open_clip.loss import ClipLoss, SigLipLoss
from torch.nn import functional

from mmmodels.alignment import late, losses
from mmmodels.alignment.late import late_loss, max_similarity
from mmmodels.alignment.losses import contrastive_loss, sigmoid_loss
from tests.mmmodels.alignment.ranks import GROUPS, LOSSES, MODELS, losses_of, trained, two_ranks, vectors


def leaves():
    return vectors(1, 8, 16), vectors(2, 8, 16), torch.tensor(10.0, requires_grad=True)


def same(ours, theirs, ours_in, theirs_in):
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    ours.backward()
    theirs.backward()
    for mine, other in zip(ours_in, theirs_in, strict=True):
        assert torch.allclose(mine.grad, other.grad, atol=1e-5)


def test_the_contrastive_loss_and_its_gradients_are_open_clips():
    ours, theirs = leaves(), leaves()
    loss = contrastive_loss(ours[0], ours[1], scale=ours[2], groups_B=torch.arange(8))
    same(loss, ClipLoss()(*theirs), ours, theirs)


def test_the_sigmoid_loss_and_its_gradients_are_open_clips():
    ours, theirs = (
        (*leaves(), torch.tensor(-3.0, requires_grad=True)),
        (
            *leaves(),
            torch.tensor(-3.0, requires_grad=True),
        ),
    )
    loss = sigmoid_loss(ours[0], ours[1], scale=ours[2], bias=ours[3], groups_B=torch.arange(8))
    same(loss, SigLipLoss()(*theirs), ours, theirs)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_made_in_parts_is_the_loss_made_at_once(name, monkeypatch):
    whole, inputs = losses_of(name, slice(None))
    monkeypatch.setattr(losses, "MAX_LOGITS", 24)
    monkeypatch.setattr(late, "MAX_PRODUCTS", 360)
    parts, others = losses_of(name, slice(None))
    same(parts, whole, others, inputs)


def test_a_pair_of_one_group_is_no_negative_of_the_contrastive_loss():
    left, right, scale = leaves()
    masked = contrastive_loss(left, right, scale=scale, groups_B=GROUPS)
    same_group = (GROUPS[:, None] == GROUPS[None]) & ~torch.eye(8, dtype=torch.bool)
    logits = (scale * left @ right.T).masked_fill(same_group, -1e9)
    targets = torch.arange(8)
    expected = (functional.cross_entropy(logits, targets) + functional.cross_entropy(logits.T, targets)) / 2
    assert masked.item() == pytest.approx(expected.item(), abs=1e-5)
    assert masked < contrastive_loss(left, right, scale=scale)


def test_a_pair_of_one_group_is_no_negative_of_the_sigmoid_loss():
    left, right, scale = leaves()
    masked = sigmoid_loss(left, right, scale=scale, bias=torch.tensor(-3.0), groups_B=GROUPS)
    logits, own = scale * left @ right.T - 3.0, torch.eye(8, dtype=torch.bool)
    pairs = -functional.logsigmoid(torch.where(own, logits, -logits))
    kept = own | (GROUPS[:, None] != GROUPS[None])
    assert masked.item() == pytest.approx((pairs * kept).sum().item() / 8, abs=1e-5)


def test_the_maximal_similarity_is_that_of_two_loops():
    rows, candidates = vectors(1, 3, 2, 8), vectors(2, 4, 5, 8)
    there_rows = torch.tensor([[True, True], [True, False], [True, True]])
    there = torch.arange(5)[None] < torch.tensor([5, 1, 3, 2])[:, None]
    found = max_similarity(rows, there_rows, candidates, there)
    for i, j in product(range(3), range(4)):
        cosines = rows[i][there_rows[i]] @ candidates[j][there[j]].T
        assert found[i, j].item() == pytest.approx(cosines.amax(dim=1).mean().item(), abs=1e-6)


def test_with_one_token_each_late_interaction_is_the_contrastive_loss():
    left, right, scale = leaves()
    there = torch.ones(8, 1, dtype=torch.bool)
    sides = (left[:, None], there), (right[:, None], there)
    ours = late_loss(*sides, scale=scale, groups_B=GROUPS)
    assert ours.item() == pytest.approx(contrastive_loss(left, right, scale=scale, groups_B=GROUPS).item(), abs=1e-5)


def test_the_loss_is_in_float32_where_the_towers_are_not():
    left, right, scale = leaves()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = contrastive_loss(left, right, scale=scale)
    assert inside.item() == pytest.approx(contrastive_loss(left, right, scale=scale).item(), abs=1e-6)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    return two_ranks(tmp_path_factory.mktemp("ranks"))


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_two_ranks_have_the_loss_and_the_gradient_of_one_process(name, ranks):
    loss, inputs = losses_of(name, slice(None))
    loss.backward()
    found = [torch.stack(parts).mean(dim=0) for parts in zip(*(rank["losses"][name] for rank in ranks), strict=True)]
    assert found[0].item() == pytest.approx(loss.item(), abs=1e-5)
    # The mean over the ranks is what DistributedDataParallel makes of gradients.
    for mine, alone in zip(found[1:], inputs, strict=True):
        assert torch.allclose(mine, alone.grad, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*MODELS, *(f"{name} cached" for name in MODELS)])
def test_two_ranks_train_the_model_as_one_process_does(name, ranks):
    """Augmentation and patch dropout included: they hang on a sample's place in the global batch."""
    alone = trained(name.removesuffix(" cached"), cached=False)
    first, second = (rank["models"][name] for rank in ranks)
    assert first.keys() == second.keys() == alone.keys()
    for key, value in alone.items():
        together = (first[key] + second[key]) / 2
        assert (together - value).abs().max() <= 1e-5 * max(1.0, float(value.abs().max())), key
        if not key.startswith("loss"):
            assert torch.equal(first[key], second[key]), key
