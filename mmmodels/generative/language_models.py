"""The causal language model: small shapes from scratch, or a checkpoint; never a pickle, never code of a repository."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from mmmodels.encoders.fetching import DEFAULT_CACHE, fetched_folder
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.recipes import GeneratorConfig

MAX_POSITIONS = 4096
_FILES = ("*.safetensors", "*.json")
_SCRATCH = ("llama", "qwen")


def settings_for(config: GeneratorConfig, *, num_tokens: int, cache: str = DEFAULT_CACHE) -> dict[str, Any]:
    """The transformers config of the model as a dictionary, for that many tokens: what a bundle keeps."""
    if config.language_model in _SCRATCH:
        return _from_scratch(config, num_tokens)
    from transformers import AutoConfig

    folder = find_language_model(config.language_model, cache=cache)
    try:
        found: Any = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(config.language_model, error) from error
    settings: dict[str, Any] = json.loads(found.to_json_string(use_diff=False))
    return {name: value for name, value in settings.items() if not name.startswith("_")} | {"vocab_size": num_tokens}


def build_language_model(config: GeneratorConfig, *, num_tokens: int, cache: str = DEFAULT_CACHE) -> Any:
    """A transformers model for causal language modelling with that many tokens, at its start."""
    if config.language_model in _SCRATCH:
        return language_model_of(_from_scratch(config, num_tokens))
    folder = find_language_model(config.language_model, cache=cache)
    from transformers import AutoModelForCausalLM

    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(config.language_model, error) from error
    model.resize_token_embeddings(num_tokens, mean_resizing=False)
    return _plain(model)


def language_model_of(settings: Mapping[str, Any]) -> Any:
    """The untrained model of a transformers config as a dictionary."""
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = dict(settings)
    try:
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        return _plain(AutoModelForCausalLM.from_config(config, attn_implementation="sdpa"))
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"language model: its configuration cannot be read ({str(error)[:300]}).") from error


def find_language_model(location: str, *, cache: str = DEFAULT_CACHE) -> Path:
    """A local folder of a folder, an s3 prefix or a name on the hub."""
    if "://" in location or Path(location).is_dir():
        return fetched_folder(location, cache=cache)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(location, allow_patterns=list(_FILES)))
    except Exception as error:
        raise CheckpointError(
            f"{location}: neither a folder nor to be had from the hub ({type(error).__name__}). Copy the checkpoint "
            "here and name its folder."
        ) from error


def layers_of(model: Any) -> nn.ModuleList:
    """The decoder's layers, for cross-attention between them; RecipeError where they are named otherwise."""
    layers = getattr(model.base_model, "layers", None)
    if not isinstance(layers, nn.ModuleList):
        raise RecipeError(
            f"language model {type(model).__name__}: its layers are not where those of Llama and Qwen are, so nothing "
            "can be put between them. Set generator.fusion=prefix."
        )
    return layers


def _from_scratch(config: GeneratorConfig, num_tokens: int) -> dict[str, Any]:
    shapes: dict[str, Any] = {
        "vocab_size": num_tokens,
        "hidden_size": config.width,
        "intermediate_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "head_dim": config.width // config.heads,
        "max_position_embeddings": MAX_POSITIONS,
        # Two tensors under one name could not be saved and sharded like any other weight.
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    return {"model_type": "qwen3" if config.language_model == "qwen" else "llama"} | shapes


def _unreadable(location: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{location}: not a causal language model of transformers ({str(error)[:300]}). Name a folder with config.json "
        "and model.safetensors."
    )


def _plain(model: Any) -> Any:
    """Without settings for generation that came with it: ours say everything."""
    from transformers import GenerationConfig

    model.generation_config = GenerationConfig()
    return model
