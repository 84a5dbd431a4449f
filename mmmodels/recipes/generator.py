"""What the generative model is made of: encoders, connectors, the way of fusion, a language model, its tokens."""

from dataclasses import dataclass, field
from typing import Literal

from mmmodels.errors import RecipeError

Memorised = Literal["image", "audio", "video"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodingConfig:
    """How an answer is chosen."""

    strategy: Literal["greedy", "beam", "sample"] = "greedy"
    num_beams: int = 4
    length_penalty: float = 1.0
    """Of beam search: hypotheses are ranked by sum of log-probabilities / tokens ** length_penalty."""
    temperature: float = 1.0
    top_k: int = 0
    """Of sampling: the k most likely tokens; 0 = all."""
    top_p: float = 1.0
    """Of sampling: the fewest tokens that together have this probability (Holtzman et al. 2020)."""
    max_new_tokens: int = 32
    seed: int = 0
    """Of sampling. What is drawn hangs on the batch too."""

    def __post_init__(self) -> None:
        wrong = {
            "num_beams": self.num_beams < 1,
            "temperature": self.temperature <= 0,
            "top_k": self.top_k < 0,
            "top_p": not 0 < self.top_p <= 1,
            "max_new_tokens": self.max_new_tokens < 1,
        }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            raise RecipeError(
                f"generator.decoding.{name}={getattr(self, name)}: out of range. num_beams and max_new_tokens are 1 or "
                "more, temperature is above 0, top_k 0 or more, top_p in (0, 1]."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratorConfig:
    """A language model that reads images, sound and text and answers in text."""

    modalities: tuple[Memorised, ...] = ("image",)
    """What becomes memory, in this order; video is frames through the image's encoder."""
    image_encoder: Literal["tower", "patches"] = "tower"
    """tower: `model.image`, which a parent may have trained. patches: a ViT of its own, for finer grids."""
    image_stage: int = -1
    """Of the tower: -1 = its tokens in the shared space; otherwise that map of timm's, of a finer grid."""
    patch_pixels: int = 8
    patch_layers: int = 2
    audio_encoder: Literal["tower", "frames"] = "tower"
    """frames: log-mel, two convolutions over time, transformer layers (Whisper, Radford et al. 2023)."""
    audio_stage: int = -1
    frame_stride: int = 2
    """Spectrogram frames that become one token: 1, 2 or 4."""
    frame_layers: int = 2
    connector: Literal["linear", "mlp", "perceiver", "q_former", "pooling"] = "mlp"
    connector_tokens: int = 8
    """Queries of perceiver and q_former, of each modality."""
    connector_layers: int = 2
    pooling_stride: int = 2
    """Places on each axis of the grid whose mean becomes one token."""
    fusion: Literal["prefix", "cross_attention", "encoder_decoder"] = "prefix"
    """prefix: memory stands before the prompt (LLaVA). cross_attention: gated layers between those of the language
    model (Flamingo). encoder_decoder: an encoder over the memory, attended to before every layer (T5, BART)."""
    cross_every: int = 2
    """Of cross_attention: one before every so many layers, the first among them."""
    encoder_layers: int = 2
    """Of encoder_decoder."""
    language_model: str = "llama"
    """llama or qwen: from scratch in the sizes below; otherwise a folder, s3://... or a name on the hub, safetensors
    alone."""
    width: int = 192
    layers: int = 3
    heads: int = 4
    hidden: int = 512
    """Features inside the feed-forward layers."""
    tokenizer: Literal["bpe", "language_model"] = "bpe"
    """bpe: learnt from the view. language_model: the tokenizer.json beside its weights."""
    vocab_size: int = 2048
    """Of a learnt tokenizer, without the tokens for tasks, languages, times and places."""
    context_length: int = 64
    """Tokens of prompt, answer and end together; memory is not counted."""
    languages: tuple[str, ...] = ()
    """Languages that are trained on; none named = all of the view."""
    time_seconds: float = 0.0
    """Time tokens reach from 0 to here; 0 = there are none."""
    time_step_seconds: float = 0.02
    location_bins: int = 0
    """Tokens for places between 0 and 1; 0 = there are none."""
    label_smoothing: float = 0.0
    loss_chunk: int = 1024
    """Positions whose logits stand in memory at a time."""
    decoding: DecodingConfig = field(default_factory=DecodingConfig)

    def __post_init__(self) -> None:
        if not self.modalities or len(set(self.modalities)) != len(self.modalities):
            raise RecipeError(
                f"generator.modalities={','.join(self.modalities)}: expected one or more of image, audio, video, each "
                "once. Name them."
            )
        if self.frame_stride not in (1, 2, 4):
            raise RecipeError(f"generator.frame_stride={self.frame_stride}: expected 1, 2 or 4. Choose one of these.")
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise RecipeError(
                f"generator.width={self.width}, heads={self.heads}: rotary positions need an even number of features "
                "of each head. Choose a width that is a multiple of 2 x heads."
            )
        if self.tokenizer == "language_model" and self.language_model in ("llama", "qwen"):
            raise RecipeError(
                f"generator.tokenizer=language_model: {self.language_model} from scratch has none. Set "
                "generator.tokenizer=bpe, or name a checkpoint as generator.language_model."
            )
