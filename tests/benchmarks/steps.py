"""One optimiser step of our aligner and of open_clip's model, from the same weights on the same batch."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from open_clip.loss import ClipLoss
from open_clip.model import CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from torch import Tensor, nn

from mmmodels.alignment.model import Batch, TriModal
from mmmodels.recipes import ModelConfig, tiny
from mmmodels.training.optimizing import build_optimizer
from tests.benchmarks.rows import Work

Loss = Callable[[], Tensor]
# Images are (B, C, H, W), texts (B, L).


def contestants(*, device: str, batch_size: int, num_tokens: tuple[int, int], num_steps: int) -> tuple[Work, Work]:
    """Ours and the peer's: a number of steps, then a wait for the device."""
    torch.manual_seed(0)
    config = tiny().model
    ours, peer, loss = TriModal(config).train(), _open_clip(config).train(), ClipLoss()
    _copy_towers(ours, peer)
    batch = _batch(config, batch_size, num_tokens)
    floats = _normalised(batch, config)
    _check_equal(ours(batch)["image_text"], loss(*peer(floats, batch.media["text"])))
    ours, peer, batch, floats = ours.to(device), peer.to(device), batch.to(torch.device(device)), floats.to(device)

    def our_loss() -> Tensor:
        return ours(batch)["image_text"]  # type: ignore[no-any-return]

    def peer_loss() -> Tensor:
        return loss(*peer(floats, batch.media["text"]))  # type: ignore[no-any-return]

    return _steps(ours, our_loss, device, num_steps), _steps(peer, peer_loss, device, num_steps)


def _open_clip(config: ModelConfig) -> CustomTextCLIP:
    """The towers of the recipe in open_clip's own words."""
    image, text = config.image, config.text
    return CustomTextCLIP(
        embed_dim=config.embed_dim,
        vision_cfg=CLIPVisionCfg(
            timm_model_name=image.network,
            timm_pool="avg",
            timm_proj="linear",
            image_size=image.size_pixels,
        ),
        text_cfg=CLIPTextCfg(
            context_length=text.context_length,
            vocab_size=text.vocab_size,
            width=text.width,
            heads=text.heads,
            layers=text.layers,
        ),
        init_logit_scale=math.log(config.initial_scale),
    )


def _copy_towers(ours: TriModal, peer: CustomTextCLIP) -> None:
    """Strict: a tower that differs in any tensor stops the bench."""
    peer.visual.load_state_dict(ours.image.visual.state_dict())
    peer.text.load_state_dict(ours.text.transformer.state_dict())


def _batch(config: ModelConfig, size: int, num_tokens: tuple[int, int]) -> Batch:
    """Noise and random words; every sample is a thing of its own. The end token has the highest id."""
    generator = torch.Generator().manual_seed(0)
    side, length = config.image.size_pixels, config.text.context_length
    images = torch.randint(0, 256, (size, 3, side, side), dtype=torch.uint8, generator=generator)
    ids = torch.randint(2, config.text.vocab_size - 1, (size, length), generator=generator)
    ends = torch.randint(num_tokens[0], num_tokens[1] + 1, (size, 1), generator=generator) - 1
    ends[0] = num_tokens[1] - 1
    places = torch.arange(length)[None]
    ids[:, 0] = 1
    ids = ids.masked_fill(places > ends, 0).masked_fill(places == ends, config.text.vocab_size - 1)
    return Batch(media={"image": images, "text": ids}, groups_B=torch.arange(size))


def _normalised(batch: Batch, config: ModelConfig) -> Tensor:
    """What open_clip's loader would hand over."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (config.image.mean, config.image.std))
    return batch.media["image"].float().div(255).sub(mean).div(std)


def _check_equal(ours: Tensor, peer: Tensor) -> None:
    if not torch.allclose(ours, peer, rtol=1e-3):
        raise ValueError(f"our loss is {ours.item():.5f}, open_clip's {peer.item():.5f}: not the same work")


def _steps(model: nn.Module, loss: Loss, device: str, num_steps: int) -> Work:
    """The same step around both: forward, backward, clip, fused AdamW; bf16 on a CUDA device, fp32 elsewhere."""
    config = tiny().training
    optimizer = build_optimizer(model, config)

    def autocast() -> AbstractContextManager[object]:
        return torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda")

    def work() -> int:
        for _ in range(num_steps):
            with autocast():
                value = loss()
            optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return num_steps

    return work
