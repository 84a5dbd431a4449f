"""Optimiser, schedule and precision of a run."""

import math
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from mmmodels.errors import RecipeError
from mmmodels.recipes import TrainingConfig


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Fused AdamW without decay on biases, norms and scales (Loshchilov & Hutter 2019)."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=(config.beta1, config.beta2), eps=config.epsilon, fused=True
    )


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Linear warm-up, then as the schedule says: a function of the step alone, so it needs no state."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    fall = cosine_share if config.schedule == "cosine" else stable_share
    return config.learning_rate * fall(step, config)


def cosine_share(step: int, config: TrainingConfig) -> float:
    """Half a cosine from 1 to 0 (Loshchilov & Hutter 2017)."""
    progress = (step - config.warmup_steps) / max(1, config.num_steps - config.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def stable_share(step: int, config: TrainingConfig) -> float:
    """1, then linear to 0 over the last `decay_share` of the steps (WSD, Hu et al. 2024; Haegele et al. 2024)."""
    num_falling = max(1, round(config.num_steps * config.decay_share))
    return min(1.0, max(0.0, (config.num_steps - step) / num_falling))


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of autocast; `auto` is bf16 only where the hardware multiplies it, elsewhere it would be slower."""
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" or _cpu_has_bf16() else torch.float32
    known = {"fp32": torch.float32, "bf16": torch.bfloat16}
    if precision not in known:
        raise RecipeError(f"training.precision={precision}: not known. Use auto, {' or '.join(known)}.")
    return known[precision]


def device_metrics(device: torch.device) -> dict[str, float]:
    """Peak memory of an accelerator in bytes, and its utilisation in per cent where the extra `gpu` is installed."""
    if device.type != "cuda":
        return {}
    metrics = {"gpu_peak_bytes": float(torch.cuda.max_memory_allocated(device))}
    if find_spec("pynvml"):
        metrics["gpu_utilisation_percent"] = float(torch.cuda.utilization(device))
    return metrics


def _cpu_has_bf16() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and any(flag in flags.read_text() for flag in ("avx512_bf16", "amx_bf16"))
