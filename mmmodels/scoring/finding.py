"""A scoring model by what a person calls it: a bundle, a registered version, open_clip's, sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmmodels.encoders.deferred import DeferredEncoder, bundle_encoder, clip_encoder, sentence_encoder
from mmmodels.encoders.fetching import fetched_folder
from mmmodels.errors import CheckpointError
from mmmodels.registry.command import bundle_of
from mmmodels.registry.glance import registered_model
from pipelines.parallel import num_cores
from pipelines.storage import exists, read_json

REGISTERED, OPEN_CLIP, SENTENCES = "models:/", "open_clip:", "sentences"
_NVIDIA = Path("/dev/nvidiactl")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scorer:
    """A scoring model, and where it comes from as far as this root can know."""

    encoder: DeferredEncoder
    provenance: Mapping[str, Any] | None
    """Of our own bundles; None: what others trained on is not known here."""


def find_scorer(model: str, *, tracking_uri: str, cache: str, device: str = "auto", precision: str = "auto") -> Scorer:
    """Of `models:/NAME@ALIAS`, `models:/NAME/VERSION`, `open_clip:...`, `sentences` or a bundle's folder or URI."""
    if model == SENTENCES:
        return Scorer(encoder=sentence_encoder(), provenance=None)
    if model.startswith(OPEN_CLIP):
        location = model.removeprefix(OPEN_CLIP)
        encoder = clip_encoder(location, cache=cache, device=device, precision=precision)
        return Scorer(encoder=encoder, provenance=None)
    bundle = _registered(model, tracking_uri) if model.startswith(REGISTERED) else model
    if not exists(f"{bundle}/provenance.json"):
        raise CheckpointError(
            f"{model}: no model of this name. Give the folder of a bundle, {REGISTERED}NAME@ALIAS, "
            f"{REGISTERED}NAME/VERSION, {OPEN_CLIP}NAME/TAG, {OPEN_CLIP}NAME/WEIGHTS or {SENTENCES}."
        )
    folder = str(fetched_folder(bundle, cache=cache))
    encoder = bundle_encoder(folder, name=model, device=device, precision=precision)
    return Scorer(encoder=encoder, provenance=read_json(f"{folder}/provenance.json"))


def _registered(model: str, tracking_uri: str) -> str:
    """The bundle of a version, its checkpoint or the copy in MLflow."""
    name, at, alias = model.removeprefix(REGISTERED).partition("@")
    known = registered_model(name if at else name.partition("/")[0], tracking_uri=tracking_uri)
    version = known.aliases.get(alias) if at else _number(name.partition("/")[2])
    if version is None or version not in known.tags:
        versions, aliases = ", ".join(map(str, known.tags)) or "none", ", ".join(known.aliases) or "none"
        raise CheckpointError(
            f"{model}: not in the registry at {tracking_uri} (versions: {versions}; aliases: {aliases}). Name one of "
            "them, or another registry with --tracking-uri."
        )
    return bundle_of(known.tags[version], tracking_uri=tracking_uri)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def spread(
    encoder: DeferredEncoder, num_workers: int | None = None, *, cores: int | None = None
) -> tuple[DeferredEncoder, int]:
    """The encoder and the number of its worker processes: one per core, or one that feeds an accelerator."""
    if _has_accelerator(encoder.device):
        return replace(encoder, num_threads=cores or num_cores()), num_workers or 1
    return encoder, num_workers or cores or num_cores()


def _has_accelerator(device: str) -> bool:
    """Asks torch, which takes seconds to import, only where the system shows a device."""
    if device != "auto":
        return device.startswith("cuda")
    if not _NVIDIA.exists():
        return False
    import torch

    return torch.cuda.is_available()
