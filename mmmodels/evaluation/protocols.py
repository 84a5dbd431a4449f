"""How a figure was measured, as data: a figure without it cannot be measured again, nor compared with another.

Published figures of one model on one test set differ by tens of points for a prompt, a padding or a sample rate.
"""

import hashlib
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict
from typing import Any

from tokenizers import Tokenizer

from mmmodels.recipes import ModelConfig
from pipelines.samples import digest_of

IMAGE = ("source_pixels", "size_pixels", "in_chans", "mean", "std")
TEXT = ("tokenizer", "vocab_size", "context_length")
AUDIO = (
    *("sample_rate_hz", "num_mels", "min_hz", "max_hz", "mel_scale", "loudness", "fft_samples", "window_samples"),
    *("hop_samples", "num_frames", "padding"),
)


def inputs_of(config: ModelConfig, tokenizer: Tokenizer) -> dict[str, Any]:
    """What becomes of a picture, a text and a clip before a tower sees them."""
    named = {"image": IMAGE, "text": TEXT, "audio": AUDIO}
    found: dict[str, Any] = {}
    for modality in config.modalities:
        settings = asdict(config.tower(modality))
        found[modality] = {name: settings[name] for name in named[modality]}
    if "text" in found:
        found["text"]["tokenizer_sha256"] = hashlib.sha256(tokenizer.to_str().encode()).hexdigest()
    return found


def stamped(
    metrics: Mapping[str, Mapping[str, Any]], protocol: Mapping[str, Any], known: MutableMapping[str, Any]
) -> dict[str, Any]:
    """The metrics with the digest of their protocol (32 hex) in each; `known` learns what it stands for."""
    if not metrics:
        return {}
    digest = digest_of(protocol)[:32]
    known[digest] = dict(protocol)
    return {name: {**figures, "protocol": digest} for name, figures in metrics.items()}
