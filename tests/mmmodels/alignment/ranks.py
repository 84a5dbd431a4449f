"""What two processes of gloo compute of one global batch; run by `spawn`, so it is a module of its own."""

from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from mmmodels.alignment.batch import Batch
from mmmodels.alignment.caching import cached_backward
from mmmodels.alignment.late import late_loss
from mmmodels.alignment.losses import contrastive_loss, sigmoid_loss
from mmmodels.alignment.model import TriModal
from mmmodels.recipes import AudioConfig, ImageConfig, ModelConfig, TextConfig

GROUPS = torch.tensor([0, 0, 1, 2, 3, 3, 1, 5])
MODELS = {
    "clip": {},
    "siglip": {"loss": "siglip", "initial_bias": -2.0},
    "late": {"late_weight": 0.5},
    "text hub": {"hub": "text"},
}


def vectors(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(*shape, generator=generator), dim=-1).requires_grad_()


def losses_of(name: str, part: slice) -> tuple[Tensor, list[Tensor]]:
    """The loss of some rows of the global batch, and what it has gradients for: all 8 rows, scale and bias."""
    scale, bias = torch.tensor(10.0, requires_grad=True), torch.tensor(-3.0, requires_grad=True)
    groups = GROUPS[part] if name.endswith("masked") else None
    if name.startswith("late"):
        left, right = vectors(1, 8, 3, 16), vectors(2, 8, 5, 16)
        there = torch.arange(5)[None] < torch.tensor([5, 2, 3, 1, 4, 5, 2, 3])[:, None]
        sides = (left[part], torch.ones(8, 3, dtype=torch.bool)[part]), (right[part], there[part])
        return late_loss(*sides, scale=scale, groups_B=groups), [left, right, scale]
    left, right = vectors(1, 8, 16), vectors(2, 8, 16)
    if name.startswith("siglip"):
        loss = sigmoid_loss(left[part], right[part], scale=scale, bias=bias, groups_B=groups)
        return loss, [left, right, scale, bias]
    return contrastive_loss(left[part], right[part], scale=scale, groups_B=groups), [left, right, scale]


LOSSES = ("clip", "clip masked", "siglip", "siglip masked", "late", "late masked")


def small_model(**settings: object) -> TriModal:
    """Without batch norm: its statistics are those of a rank."""
    torch.manual_seed(0)
    config = ModelConfig(
        embed_dim=16,
        image=ImageConfig(
            architecture="open_clip:ViT-S-16", size_pixels=32, width=64, layers=1, patch_pixels=8, patch_dropout=0.5
        ),
        text=TextConfig(vocab_size=64, context_length=8, width=32, heads=2, layers=1),
        audio=AudioConfig(architecture="timm:test_vit", num_frames=64),
        **settings,  # type: ignore[arg-type]
    )
    return TriModal(config).train()


def small_batch(num: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(2, 63, (num, 8), generator=generator)
    ids[:, 0], ids[:, 5], ids[:, 6:] = 1, 63, 0
    media = {
        "image": torch.randint(0, 256, (num, 3, 32, 32), dtype=torch.uint8, generator=generator),
        "text": ids,
        "audio": torch.randint(-9000, 9000, (num, 12_800), dtype=torch.int16, generator=generator),
    }
    return Batch(media=media, groups_B=GROUPS[:num])


def trained(name: str, *, cached: bool, part: slice = slice(None)) -> dict[str, Tensor]:
    """Losses and gradients of a step of the model on some rows of the batch."""
    model = small_model(**MODELS[name])
    whole = small_batch()
    batch = Batch(media={key: value[part] for key, value in whole.media.items()}, groups_B=whole.groups_B[part])
    wrapped = DistributedDataParallel(model, find_unused_parameters=True) if dist.is_initialized() else model
    if cached:
        losses = cached_backward(wrapped, batch, rows=3, strength=0.5, seed=7)
    else:
        losses = wrapped(batch, strength=0.5, seed=7)
        torch.stack(list(losses.values())).sum().backward()
    gradients = {key: value.grad for key, value in model.named_parameters() if value.grad is not None}
    return {f"loss {key}": value.detach() for key, value in losses.items()} | gradients


def run_rank(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    part, found = slice(rank * 4, rank * 4 + 4), {}
    for name in LOSSES:
        loss, inputs = losses_of(name, part)
        loss.backward()
        found[name] = [loss.detach(), *(of.grad for of in inputs)]
    models = {name: trained(name, cached=False, part=part) for name in MODELS}
    models |= {f"{name} cached": trained(name, cached=True, part=part) for name in MODELS}
    torch.save({"losses": found, "models": models}, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def two_ranks(folder: Path) -> list[dict[str, dict]]:
    """What each of two processes found."""
    mp.spawn(run_rank, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]
