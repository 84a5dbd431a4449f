"""Weights that towers start from: open_clip's by name and tag, files and folders anywhere, or a bundle of ours.

Strictly: what is missing, left over or of another shape is named. Nothing is ever unpickled.
"""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from open_clip.model import resize_pos_embed
from open_clip.pretrained import get_pretrained_cfg
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mmmodels.encoders.clip import find_files
from mmmodels.encoders.fetching import DEFAULT_CACHE, fetched, fetched_folder
from mmmodels.errors import CheckpointError
from mmmodels.recipes import ModelConfig
from mmmodels.towers.adapters import is_adapter, plain_name
from mmmodels.towers.image import ImageTower, has_quick_gelu
from mmmodels.towers.networks import TimmNetwork
from mmmodels.towers.text import TextTower

_TEXT_PARTS = ("token_embedding.", "positional_embedding", "transformer.", "ln_final.", "text_projection")
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_NAMES = ("model.safetensors", "open_clip_model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin")
_POSITIONS = "transformer.positional_embedding"
_NAMED = 5


class Towers(Protocol):
    """A model with a tower of each modality: an aligner, or one that is pretrained in another way."""

    @property
    def config(self) -> ModelConfig:
        """Of the towers."""
        ...

    def tower(self, modality: str, /) -> nn.Module:
        """Of a modality."""
        ...


def start_towers(model: Towers, bundle: str | Path) -> None:
    """Fill every tower from a bundle of ours of any task; CheckpointError where it lacks one or has another."""
    weights = read_weights(Path(bundle) / _NAMES[0])
    for modality in model.config.modalities:
        _load(model.tower(modality), _of_tower(modality, weights), where=f"{bundle} ({modality})")


def load_pretrained(model: Towers, *, cache: str = DEFAULT_CACHE) -> None:
    """Fill the towers whose configuration names weights; CheckpointError says which of them do not fit, and how."""
    for modality in model.config.modalities:
        load_tower(model.tower(modality), modality, model.config, cache=cache)


def load_tower(tower: nn.Module, modality: str, config: ModelConfig, *, cache: str = DEFAULT_CACHE) -> None:
    """Fill one tower where its configuration names weights."""
    if location := config.tower(modality).pretrained:
        weights = read_weights(find_weights(location, cache=cache))
        _check_activation(config, modality, location)
        fill_tower(tower, modality, weights, where=location)


def fill_tower(tower: nn.Module, modality: str, weights: Mapping[str, Tensor], *, where: str) -> None:
    """Fill one tower with its part of named weights: a bundle's, open_clip's, timm's or CLAP's."""
    _load(tower, _of_tower(modality, weights), where=f"{where} ({modality})")


def _check_activation(config: ModelConfig, modality: str, location: str) -> None:
    """OpenAI's weights have another activation under the same names and shapes: a wrong one would go unseen."""
    name, _, tag = location.partition("/")
    wanted = bool((get_pretrained_cfg(name, tag) or {}).get("quick_gelu")) if tag else False
    has = config.text.quick_gelu if modality == "text" else has_quick_gelu(config.image)
    if modality != "audio" and wanted and not has:
        advice = "model.text.quick_gelu=true" if modality == "text" else "an architecture open_clip:...-quickgelu"
        raise CheckpointError(f"{location} ({modality}): was trained with QuickGELU, the tower has GELU. Set {advice}.")


def find_weights(location: str, *, cache: str = DEFAULT_CACHE) -> Path:
    """A local file: of CONFIG/TAG or CONFIG/FILE of open_clip, hf-hub:NAME, a file, or a folder with one."""
    if location.startswith("hf-hub:"):
        return _from_hub(location.removeprefix("hf-hub:"))
    if location.endswith(_SUFFIXES) and ("://" in location or Path(location).exists()):
        return fetched(location, cache=cache)
    folder = fetched_folder(location, cache=cache) if "://" in location or Path(location).is_dir() else None
    if folder is None:
        return find_files(location, cache=cache).weights
    found = next((folder / name for name in _NAMES if (folder / name).is_file()), None)
    if found is None:
        raise CheckpointError(f"{location}: expected one of {', '.join(_NAMES)} in it. Name the file itself.")
    return found


def _from_hub(name: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    reason = "it has none of the names"
    for file in _NAMES:
        try:
            return Path(hf_hub_download(name, file))
        except EntryNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError):  # neither here nor to be had
                reason = str(error)
                break
        except Exception as error:  # noqa: BLE001 - any failure means that the hub cannot be had from here
            reason = f"{type(error).__name__}: {error}"
            break
    raise CheckpointError(
        f"hf-hub:{name}: no weights from there ({reason}). Looked for {', '.join(_NAMES)}. Where the hub is out of "
        "reach, copy the file here and name its path."
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors by name, of safetensors or of what `torch.load(weights_only=True)` takes."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of other protocols, which are refused below
            found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        raise CheckpointError(
            f"{path}: not weights that can be read safely ({str(error)[:300]}). Save the state_dict as safetensors."
        ) from error
    found = found.get("state_dict", found) if isinstance(found, Mapping) else {}
    weights = {str(name).removeprefix("module."): value for name, value in found.items() if isinstance(value, Tensor)}
    if not weights:
        raise CheckpointError(f"{path}: holds no tensors by name. Save the state_dict as safetensors.")
    return weights


def _of_tower(modality: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of one tower, under the names that ours has; all of them where the file is of one network alone."""
    own = _under(f"{modality}.", weights, "") or _under(f"aligner.{modality}.", weights, "")
    if any(name.startswith(("visual.", "transformer.token_embedding", "network.")) for name in own):
        return own  # a bundle of ours
    if modality == "text":
        custom = _under("text.", weights, "transformer.")
        plain = {f"transformer.{name}": value for name, value in weights.items() if name.startswith(_TEXT_PARTS)}
        return {name: value for name, value in (custom or plain).items() if not name.endswith("attn_mask")}
    if modality == "image":
        return _under("visual.", weights, "visual.") or _under("", weights, "visual.trunk.")
    clap = {f"network.clap.{name}": value for name, value in weights.items() if name.startswith("audio_")}
    return clap or _under("", weights, "network.trunk.")


def _under(prefix: str, weights: Mapping[str, Tensor], ours: str) -> dict[str, Tensor]:
    return {f"{ours}{name.removeprefix(prefix)}": value for name, value in weights.items() if name.startswith(prefix)}


def _fitted(tower: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Positions for pictures of another side, or for shorter texts; without the classifier of a timm network."""
    if isinstance(tower, ImageTower):
        resize_pos_embed(weights, tower)
    if isinstance(tower, TextTower) and (positions := weights.get(_POSITIONS)) is not None:
        weights[_POSITIONS] = positions[: tower.config.context_length]
    network = getattr(tower, "visual", None) or getattr(tower, "network", None)
    if isinstance(network, TimmNetwork):
        classifier = f".trunk.{network.classifier}."
        return {name: value for name, value in weights.items() if classifier not in f".{name.partition('.')[2]}"}
    return weights


def _load(tower: nn.Module, weights: dict[str, Tensor], *, where: str) -> None:
    weights = _fitted(tower, weights)
    ours = {plain_name(name): value for name, value in tower.state_dict().items() if not is_adapter(name)}
    problems = {
        "missing": [name for name in ours if name not in weights],
        "left over": [name for name in weights if name not in ours],
        "of another shape": [
            f"{name} {tuple(weights[name].shape)}, ours {tuple(value.shape)}"
            for name, value in ours.items()
            if name in weights and weights[name].shape != value.shape
        ],
    }
    if any(problems.values()):
        told = "; ".join(f"{what}: {_first(names)}" for what, names in problems.items() if names)
        raise CheckpointError(
            f"{where}: not the weights of this tower. {told}. Choose the architecture that they are of; where only the "
            "projection differs, set head=linear."
        )
    with torch.no_grad():
        for name, value in ours.items():
            value.copy_(weights[name])


def _first(names: list[str]) -> str:
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + rest
