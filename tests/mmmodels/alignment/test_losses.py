"""The contrastive loss against open_clip's, its mask, and two ranks against one process."""

import json
import socket
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
from open_clip.loss import ClipLoss
from torch.nn import functional

from mmmodels.alignment.losses import contrastive_loss

SCALE = torch.tensor(10.0)


def vectors(seed, num=8):
    generator = torch.Generator().manual_seed(seed)
    left, right = (functional.normalize(torch.randn(num, 16, generator=generator), dim=1) for _ in range(2))
    return left.requires_grad_(), right.requires_grad_()


def test_it_is_open_clips_loss_where_every_sample_is_its_own_group():
    left, right = vectors(0)
    ours = contrastive_loss(left, right, scale=SCALE, groups_B=torch.arange(8))
    assert ours.item() == pytest.approx(ClipLoss()(left, right, SCALE).item(), abs=1e-6)


def test_a_pair_of_one_group_is_no_negative():
    left, right = vectors(1)
    groups = torch.tensor([0, 0, 1, 2, 3, 4, 5, 6])
    masked = contrastive_loss(left, right, scale=SCALE, groups_B=groups)
    logits = SCALE * left @ right.T
    logits[0, 1] = logits[1, 0] = -1e9
    targets = torch.arange(8)
    expected = (functional.cross_entropy(logits, targets) + functional.cross_entropy(logits.T, targets)) / 2
    assert masked.item() == pytest.approx(expected.item(), abs=1e-6)
    assert masked < contrastive_loss(left, right, scale=SCALE, groups_B=torch.arange(8))


def rank_gradient(rank, port):
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    left, right = vectors(2)
    part = slice(rank * 4, rank * 4 + 4)
    loss = contrastive_loss(left[part], right[part], scale=SCALE, groups_B=torch.tensor([0, 0, 1, 2, 3, 3, 4, 5])[part])
    loss.backward()
    # DDP averages over the ranks.
    print(json.dumps([loss.item(), (left.grad / 2).tolist()]))  # noqa: T201
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_have_the_loss_and_the_gradient_of_one_process():
    left, right = vectors(2)
    loss = contrastive_loss(left, right, scale=SCALE, groups_B=torch.tensor([0, 0, 1, 2, 3, 3, 4, 5]))
    loss.backward()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, str(port)]
    ranks = [subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, text=True) for rank in range(2)]
    found = [json.loads(process.communicate(timeout=60)[0].splitlines()[-1]) for process in ranks]
    gradient = sum(torch.tensor(part) for _, part in found)
    assert all(value == pytest.approx(loss.item(), abs=1e-5) for value, _ in found)
    assert torch.allclose(gradient, left.grad, atol=1e-5)


if __name__ == "__main__":
    rank_gradient(int(sys.argv[2]), int(sys.argv[1]))
