"""Any open_clip model as a scoring model of images and texts: by name and tag, by name and weights, or by folder.

Weights are safetensors, or what `torch.load(weights_only=True)` takes: nothing is ever unpickled.
"""

import hashlib
import io
import json
import logging
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from mmmodels.encoders.clip_text import text_tower
from mmmodels.encoders.fetching import fetched, fetched_folder
from mmmodels.encoders.probes import image_probe
from mmmodels.errors import CheckpointError
from mmmodels.inference import Tower
from pipelines.errors import SampleError
from pipelines.samples import Modality, canonical_json
from pipelines.storage import file_sha256

CONFIG = "open_clip_config.json"
_WEIGHTS = ("open_clip_model.safetensors", "model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin")
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_UNREADABLE = (RuntimeError, pickle.UnpicklingError, OSError, EOFError, KeyError, TypeError, ValueError, AssertionError,
               AttributeError)  # fmt: skip
"""What open_clip and torch raise for weights of another model or kind; it checks shapes with `assert`."""
_MAX_PIXELS = 64_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipFiles:
    """What an open_clip model is made of, found and read but not built."""

    config_name: str
    """A built-in config, or `local-dir:FOLDER`."""
    weights: Path
    settings: Mapping[str, Any]
    """model_cfg, preprocess_cfg, and for a folder digests of its tokenizer's files."""

    @property
    def embed_dim(self) -> int:
        return int(self.settings["model_cfg"]["embed_dim"])

    @property
    def digest(self) -> str:
        """sha256 over configuration and weights: what decides a vector."""
        digest = hashlib.sha256(canonical_json(dict(self.settings)))
        with self.weights.open("rb") as file:
            while block := file.read(1 << 24):
                digest.update(block)
        return digest.hexdigest()


def find_files(location: str, *, cache: str) -> ClipFiles:
    """Of `CONFIG_NAME/TAG`, `CONFIG_NAME/WEIGHTS` or `FOLDER`, the last two local or remote."""
    name, _, rest = location.partition("/")
    if name and rest and "://" not in name and _built_in(name) is not None:
        return _by_name(name, rest, cache=cache)
    folder = fetched_folder(location, cache=cache)
    if not (folder / CONFIG).is_file():
        raise CheckpointError(
            f"open_clip:{location}: neither the name of a config of open_clip nor a folder with {CONFIG}. Give "
            "open_clip:CONFIG_NAME/TAG, open_clip:CONFIG_NAME/WEIGHTS or open_clip:FOLDER."
        )
    config = json.loads((folder / CONFIG).read_bytes())
    weights = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if weights is None or "model_cfg" not in config:
        raise CheckpointError(
            f"open_clip:{location}: expected one of {', '.join(_WEIGHTS)}, and model_cfg in {CONFIG}. Save it with "
            "open_clip.push_to_hf_hub.save_for_hf."
        )
    settings = {
        "model_cfg": config["model_cfg"],
        "preprocess_cfg": config.get("preprocess_cfg", {}),
        "tokenizer": {path.name: file_sha256(str(path)) for path in sorted(folder.iterdir()) if _is_of_tokenizer(path)},
    }
    return ClipFiles(config_name=f"local-dir:{folder}", weights=weights, settings=settings)


def _is_of_tokenizer(path: Path) -> bool:
    return path.suffix in {".json", ".txt", ".model"} and path.name != CONFIG


def _built_in(name: str) -> Any:
    import open_clip

    return open_clip.get_model_config(name)


def _by_name(name: str, rest: str, *, cache: str) -> ClipFiles:
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    known = get_pretrained_cfg(name, rest)
    if known:
        preprocess = {key: known[key] for key in ("mean", "std", "interpolation", "resize_mode") if key in known}
        weights = _downloaded(name, rest, known)
    elif rest.endswith(_SUFFIXES):
        preprocess, weights = {}, fetched(rest, cache=cache)
    else:
        tags = ", ".join(list_pretrained_tags_by_model(name)) or "none"
        raise CheckpointError(
            f"open_clip:{name}/{rest}: no tag of {name} (there are: {tags}) and no file of {', '.join(_SUFFIXES)}. "
            "Name one of them."
        )
    return ClipFiles(
        config_name=name, weights=weights, settings={"model_cfg": _built_in(name), "preprocess_cfg": preprocess}
    )


def _downloaded(name: str, tag: str, known: Mapping[str, Any]) -> Path:
    """By open_clip, into the cache of the hub; any failure means that the hub cannot be had from here."""
    from open_clip.pretrained import download_pretrained

    try:
        return Path(download_pretrained(dict(known)))
    except Exception as error:
        raise CheckpointError(
            f"open_clip:{name}/{tag}: its weights cannot be downloaded ({type(error).__name__}: {error}). Where the "
            f"hub is out of reach, copy the file here and name it: open_clip:{name}/PATH.safetensors"
        ) from error


def build_towers(files: ClipFiles, device: torch.device) -> Mapping[Modality, Tower]:
    """The model with its own preprocessing and tokenizer."""
    import open_clip
    from open_clip.factory import load_checkpoint
    from open_clip.transform import PreprocessCfg, image_transform_v2

    with _quiet():
        model = open_clip.create_model(files.config_name, load_weights=False, pretrained_image=False)
    if files.weights.suffix not in _SUFFIXES:
        raise CheckpointError(f"{files.weights}: expected {', '.join(_SUFFIXES)}. Convert it to safetensors.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of other protocols, which are refused below
            load_checkpoint(model, str(files.weights), strict=True, weights_only=True)
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{files.weights}: not the weights of {files.config_name} ({str(error)[:500]}). Name the config that they "
            "were trained with; a pickled model is refused, save its state_dict as safetensors."
        ) from error
    model = model.eval().to(device)
    defaults = dict(model.visual.preprocess_cfg) | {
        key: value for key, value in files.settings["preprocess_cfg"].items() if value is not None
    }
    transform = image_transform_v2(PreprocessCfg(**defaults), is_train=False)
    tokenizer = open_clip.get_tokenizer(files.config_name)
    return {
        Modality.IMAGE: Tower(
            prepare=partial(_image_tensor, transform=transform), forward=model.encode_image, probe=image_probe()
        ),
        Modality.TEXT: text_tower(model, tokenizer),
    }


def _image_tensor(data: bytes, *, transform: Any) -> Tensor:
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise SampleError(
                    f"image of {image.width} x {image.height}: more than {_MAX_PIXELS} pixels. Shrink it."
                )
            return cast("Tensor", transform(_on_white(image)))
    except (OSError, UnidentifiedImageError, SyntaxError, Image.DecompressionBombError) as error:
        raise SampleError(f"image of {len(data)} bytes: {error}. Give JPEG, PNG or WebP.") from error


def _on_white(image: Image.Image) -> Image.Image:
    """What is transparent lies on white, as training and the other signals see it; open_clip alone makes it black."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip warns that the weights are random: they are loaded after it, and checked."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
