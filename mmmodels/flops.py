"""Floating-point operations of a model per sample, by formula: what a step's time is held against (MFU).

A multiplication and an addition are two. Transformers: for each layer and token 8 d^2 for attention's matrices, 16 d^2
for the two layers behind it, and 4 n d for the products of n tokens. Forward and backward are three forward passes.
"""

from collections.abc import Iterable
from functools import cache

from mmmodels.recipes import AudioConfig, ImageConfig, ModelConfig

PEAK_OPERATIONS = {"H100 SXM": 989.4e12, "H200": 989.4e12, "H100 NVL": 835e12, "H100 PCIe": 756e12, "A100": 312e12}
"""Dense bf16 operations per second, of the makers' data sheets."""
_PASSES = {"all": 3, "lora": 2, "none": 1}
"""Adapters need the gradients of activations, hardly any of weights; a locked tower runs forward alone."""


def forward_operations(
    config: ModelConfig, *, text_tokens: int | None = None, drops_patches: bool = False
) -> dict[str, float]:
    """Modality -> operations of one sample; texts of `text_tokens`, or as long as the context."""
    known = {
        "image": lambda: _image(config.image, config.embed_dim, drops_patches=drops_patches),
        "text": lambda: _text(config, text_tokens or config.text.context_length),
        "audio": lambda: _audio(config.audio, config.embed_dim),
    }
    return {name: known[name]() for name in config.modalities}


def training_operations(config: ModelConfig, modalities: Iterable[str], *, text_tokens: int | None = None) -> float:
    """Of one sample that has these modalities, forward and backward, patches dropped as configured."""
    forward = forward_operations(config, text_tokens=text_tokens, drops_patches=True)
    return sum(_PASSES[config.tower(name).trained] * forward[name] for name in modalities)


def utilization(operations_per_second: float, *, peak: float) -> float:
    """Model FLOP utilisation (Chowdhery et al. 2022): operations that the model needs, over what the chips could do."""
    return operations_per_second / peak


def transformer(*, tokens: int, width: int, layers: int, expansion: float = 4.0, window: int | None = None) -> float:
    """Of `layers` blocks; each token looks at `window` others, or at all."""
    seen = window or tokens
    return layers * tokens * ((8 + 4 * expansion) * width**2 + 4 * seen * width)


def recurrence(kind: str, width: int, layers: int, *, steps: int, inputs: int) -> float:
    """Of `layers` in two directions, each of half the width; a GRU has three gates, an LSTM four."""
    gates, half = {"gru": 3, "lstm": 4}[kind], width // 2
    sizes = [inputs, *[width] * (layers - 1)]
    return sum(2 * steps * 2.0 * gates * half * (size + half) for size in sizes)


def _image(config: ImageConfig, embed_dim: int, *, drops_patches: bool) -> float:
    from mmmodels.towers.image import vision_settings

    if config.architecture.startswith("timm:"):
        side = config.size_pixels
        return counted(config.network, in_chans=config.in_chans, size=(side, side))
    settings, own_dim = vision_settings(config)
    if settings.get("timm_model_name") or isinstance(settings["layers"], list):
        return _counted_tower(config)
    width, patch = int(settings["width"]), int(settings["patch_size"])
    num_patches = (config.size_pixels // patch) ** 2
    num_kept = max(1, int(num_patches * (1 - config.patch_dropout))) if drops_patches else num_patches
    output_dim = embed_dim if config.head == "own" else own_dim
    return (
        num_patches * 2 * config.in_chans * patch**2 * width
        + transformer(
            tokens=num_kept + 1,
            width=width,
            layers=int(settings["layers"]),
            expansion=float(settings.get("mlp_ratio", 4)),
        )
        + 2 * width * output_dim
    )


def _text(config: ModelConfig, tokens: int) -> float:
    text = config.text
    output_dim = config.embed_dim if text.head == "own" else text.width
    return transformer(tokens=tokens, width=text.width, layers=text.layers) + 2 * text.width * output_dim


def _recurrent_audio(config: AudioConfig, sizes: tuple[str, int, int], embed_dim: int) -> float:
    _, width, _ = sizes
    output_dim = embed_dim if config.head == "own" else width
    halves, steps = -(-config.num_columns // 2), -(-config.num_columns // 4)
    front = 2.0 * 5 * width * (halves * config.num_mels + steps * width)
    return front + recurrence(*sizes, steps=steps, inputs=width) + 2 * width * output_dim


def _audio(config: AudioConfig, embed_dim: int) -> float:
    from mmmodels.towers.recurrent import sizes_of

    if (sizes := sizes_of(config.architecture)) is not None:
        return _recurrent_audio(config, sizes, embed_dim)
    if config.architecture != "htsat":
        return counted(config.network, in_chans=1, size=(config.num_mels, config.num_columns))
    width, depths = config.width or 96, config.depths or (2, 2, 6, 2)
    total, tokens = 2.0 * 64 * 64 * 16 * width, 64 * 64
    for stage, depth in enumerate(depths):
        total += transformer(tokens=tokens, width=width, layers=depth, window=64)
        if stage + 1 < len(depths):
            # Four neighbours become one of twice the width.
            tokens, width = tokens // 4, width * 2
            total += tokens * 2 * (2 * width) * width
    output_dim = embed_dim if config.head == "own" else 512
    return total + 2 * width * output_dim + 2 * output_dim**2


@cache
def counted(network: str, *, in_chans: int, size: tuple[int, int]) -> float:
    """Of a network of timm, counted by torch on a device that computes nothing."""
    import torch

    from mmmodels.towers.networks import TimmNetwork

    with torch.device("meta"):
        model = TimmNetwork(network, in_chans=in_chans, size=size, output_dim=None).train()
        return _count(model, torch.empty(2, in_chans, *size))


@cache
def _counted_tower(config: ImageConfig) -> float:
    import torch

    from mmmodels.towers.image import ImageTower

    with torch.device("meta"):
        tower = ImageTower(config, output_dim=None).train()
        return _count(tower.visual, torch.empty(2, config.in_chans, config.size_pixels, config.size_pixels))


def _count(model: object, inputs: object) -> float:
    """Of one sample of two: a batch norm in training takes no single one."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        model(inputs)  # type: ignore[operator]
    return counter.get_total_flops() / 2
