"""What fine-tuning has learnt, apart from what it started from: small, and of use with exactly that base.

A folder: adapter.safetensors and adapter.json, which names the digest of the base and, for each weight that did not
change, its name there.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmmodels.alignment.bundle import read_bundle
from mmmodels.errors import CheckpointError
from mmmodels.towers.adapters import merged

LEARNT, BASE = "adapter.safetensors", "adapter.json"


def save_adapter(folder: Path, weights: Mapping[str, Tensor], *, base: str | Path) -> None:
    """Of unmerged weights by name: those that the base has under the end of their name with equal values are not
    stored."""
    bundle = read_bundle(base)
    shared = {name: found for name, value in weights.items() if (found := _in_base(name, value, bundle.weights))}
    learnt = {name: value.detach().cpu().contiguous() for name, value in weights.items() if name not in shared}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(learnt, folder / LEARNT)
    (folder / BASE).write_text(json.dumps({"base_digest": bundle.digest, "shared": shared}, indent=1, sort_keys=True))


def load_adapter(folder: str | Path, *, base: str | Path) -> dict[str, Tensor]:
    """The merged weights of the fine-tuned model; CheckpointError where it was learnt on another base."""
    folder, bundle = Path(folder), read_bundle(base)
    try:
        told = json.loads((folder / BASE).read_bytes())
        learnt, digest, shared = load_file(folder / LEARNT), str(told["base_digest"]), dict(told["shared"])
    except (OSError, SafetensorError, json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder}: not an adapter ({error}). Name the folder `adapter` of a bundle.") from error
    if digest != bundle.digest:
        raise CheckpointError(
            f"{folder}: learnt on top of {digest[:12]}, {base} is {bundle.digest[:12]}. Name the base it started from."
        )
    return merged({name: bundle.weights[found] for name, found in shared.items()} | learnt)


def adapter_bytes(folder: Path) -> int:
    """What it takes on a disk."""
    return sum((folder / name).stat().st_size for name in (LEARNT, BASE))


def _in_base(name: str, value: Tensor, base: Mapping[str, Tensor]) -> str | None:
    plain = name.replace("parametrizations.", "").removesuffix(".original")
    parts = plain.split(".")
    for start in range(len(parts)):
        found = ".".join(parts[start:])
        if found in base and base[found].shape == value.shape and torch.equal(base[found], value.cpu()):
            return found
    return None
