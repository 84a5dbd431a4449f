"""The chunked cross-entropy is torch's own, in value and in gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from mmmodels.generative.losses import chunked_cross_entropy


def both(num, width, vocab, chunk, smoothing, seed=0):
    """(value, gradient of hidden, gradient of weights) of ours and of the plain one."""
    random = torch.Generator().manual_seed(seed)
    hidden, weight = (torch.randn(rows, width, generator=random) * 2 for rows in (num, vocab))
    targets = torch.randint(0, vocab, (num,), generator=random)
    weights = torch.rand(num, generator=random)

    def plain(h, w):
        losses = functional.cross_entropy(h @ w.T, targets, reduction="none", label_smoothing=smoothing)
        return (losses * weights).sum()

    def ours(h, w):
        return chunked_cross_entropy(h, w, targets, weights, chunk=chunk, smoothing=smoothing)

    for loss in (ours, plain):
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        value = loss(h, w) * 3  # a scale, as accumulation has one
        value.backward()
        yield value.detach(), h.grad, w.grad


@settings(max_examples=30, deadline=None)
@given(
    num=st.integers(0, 40),
    width=st.integers(1, 8),
    vocab=st.integers(2, 50),
    chunk=st.integers(1, 50),
    smoothing=st.sampled_from([0.0, 0.1]),
)
def test_value_and_gradients_are_those_of_the_plain_loss(num, width, vocab, chunk, smoothing):
    ours, plain = both(num, width, vocab, chunk, smoothing)
    for mine, theirs in zip(ours, plain, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-4, rtol=1e-4)


def test_large_logits_overflow_nowhere():
    hidden, weight = torch.full((2, 4), 300.0, requires_grad=True), torch.randn(9, 4).requires_grad_()
    loss = chunked_cross_entropy(hidden, weight, torch.tensor([0, 1]), torch.ones(2), chunk=1)
    loss.backward()
    assert torch.isfinite(loss.detach())
    assert torch.isfinite(weight.grad).all()


def test_frozen_sides_get_no_gradient_and_without_learning_there_is_none():
    hidden, weight = torch.randn(3, 4), torch.randn(9, 4).requires_grad_()
    chunked_cross_entropy(hidden, weight, torch.tensor([0, 1, 2]), torch.ones(3), chunk=2).backward()
    assert weight.grad is not None
    with torch.no_grad():
        assert not chunked_cross_entropy(hidden, weight, torch.tensor([0, 1, 2]), torch.ones(3), chunk=2).requires_grad


@pytest.mark.parametrize("chunk", [1, 64])
def test_under_bf16_the_value_is_near_that_of_fp32(chunk):
    hidden, weight, targets = torch.randn(32, 16), torch.randn(100, 16), torch.randint(0, 100, (32,))
    ones = torch.ones(32) / 32
    whole = chunked_cross_entropy(hidden, weight, targets, ones, chunk=chunk)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = chunked_cross_entropy(hidden, weight, targets, ones, chunk=chunk)
    assert half.item() == pytest.approx(whole.item(), rel=0.02)
