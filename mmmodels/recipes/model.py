"""What a tri-modal aligner is made of: three towers, their heads, the pairs that are trained and their loss."""

from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

Modality = Literal["image", "text", "audio"]
MODALITIES: tuple[Modality, ...] = ("image", "text", "audio")


@dataclass(frozen=True, kw_only=True, slots=True)
class TowerConfig:
    """What every tower has."""

    head: Literal["own", "linear", "mlp"] = "own"
    """From features to the shared space: the projection that the architecture ends in, or one put on top of it."""
    pretrained: str = ""
    """Weights to start from: CONFIG/TAG or CONFIG/FILE of open_clip, hf-hub:NAME, folder, file, s3://...; empty = none.
    """
    trained: Literal["all", "lora", "none"] = "all"
    """none: the tower is locked (LiT, Zhai et al. 2022), its head learns. lora: adapters and head (Hu et al. 2021)."""
    lora_rank: int = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageConfig(TowerConfig):
    """The image tower: a timm network, or the vision tower of a config of open_clip."""

    architecture: str = "timm:test_byobnet"
    """timm:NAME or open_clip:CONFIG."""
    size_pixels: int = 64
    source_pixels: int | None = None
    """Side of the pictures that are handed over, where the device crops `size_pixels` out of them; none = the same."""
    in_chans: int = 3
    """3 = colour, 1 = grey: made of colour on the device."""
    mean: tuple[float, ...] = (0.8,)
    """One value or one per channel. Drawings stand on white: their mean is far above that of photographs."""
    std: tuple[float, ...] = (0.3,)
    augmentation: Literal["drawings", "photographs"] = "drawings"
    """drawings: shifted, turned and scaled on white, as far as training.augmentation says. photographs: random crops,
    whatever it says. Both: colour."""
    min_crop: float = 0.9
    """Smallest share of a photograph's area that a random crop keeps; 0.9 is open_clip's."""
    mirrors: bool = False
    """Whether half of the photographs are mirrored; writing becomes unreadable, so published CLIPs do not."""
    random_operations: int = 0
    """Of RandAugment (Cubuk et al. 2020), so many of each picture, whatever training.augmentation says."""
    random_magnitude: float = 0.3
    """How far each of them goes, from 0 to 1."""
    patch_dropout: float = 0.0
    """Share of the patches that a training step leaves out (FLIP, Li et al. 2022); for open_clip's ViT."""
    width: int | None = None
    layers: int | None = None
    patch_pixels: int | None = None
    """Of open_clip's ViT, in place of what the config says."""

    @property
    def network(self) -> str:
        """Name in timm, or of a config of open_clip."""
        return self.architecture.partition(":")[2]

    @property
    def input_pixels(self) -> int:
        """Side of the pictures that the tower is given."""
        return self.source_pixels or self.size_pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class TextConfig(TowerConfig):
    """The text tower: open_clip's Transformer, or a network beside it."""

    architecture: Literal["transformer", "lstm", "gru", "conv"] = "transformer"
    """lstm, gru: `layers` of both directions, `width` together. conv: residual blocks over three neighbours each."""
    attention: Literal["causal", "bidirectional"] = "causal"
    """Of the Transformer: causal is CLIP's, bidirectional BERT's; both read the same weights."""
    tokenizer: str = "bpe"
    """bpe: learnt from the view; open_clip: CLIP's own; a tokenizer.json or SentencePiece .model."""
    vocab_size: int = 2048
    """With the two or three ids that every sequence needs; the last is the end of a text."""
    context_length: int = 24
    width: int = 128
    heads: int = 2
    layers: int = 2
    quick_gelu: bool = False
    """The activation of OpenAI's own weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioConfig(TowerConfig):
    """The audio tower: log-mel on the device, then a timm network with one channel (CNN or ViT), or HTSAT."""

    architecture: str = "timm:test_byobnet"
    """timm:NAME, htsat, gru:WIDTHxLAYERS or lstm:WIDTHxLAYERS (both directions, WIDTH together)."""
    sample_rate_hz: int = 16_000
    num_mels: int = 64
    min_hz: float = 50.0
    max_hz: float | None = None
    """None = half the sample rate."""
    mel_scale: Literal["htk", "slaney"] = "htk"
    """slaney is area-normalised too, as CLAP's is."""
    loudness: Literal["scaled", "decibel"] = "scaled"
    """scaled: natural logarithm at about unit variance. decibel: 10 log10 of power, as CLAP's towers expect."""
    fft_samples: int = 512
    window_samples: int = 400
    hop_samples: int = 200
    num_frames: int = 128
    """Longer clips are cut, shorter ones padded."""
    padding: Literal["silence", "repeat"] = "silence"
    """What follows a short clip: repeat is CLAP's `repeatpad`."""
    noise: float = 0.0
    """White noise of a training step, up to so many times the loudness of the clip."""
    width: int | None = None
    depths: tuple[int, ...] | None = None
    """Of HTSAT, in place of 96 and (2, 2, 6, 2)."""

    @property
    def network(self) -> str:
        """Name in timm, or the sizes of a recurrent network; empty for HTSAT."""
        return self.architecture.partition(":")[2]

    @property
    def num_samples(self) -> int:
        return self.num_frames * self.hop_samples

    @property
    def num_columns(self) -> int:
        """Frames that the network is given: CLAP's HTSAT keeps the one that is centred on the end."""
        return self.num_frames + (self.architecture == "htsat")


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The aligner: towers into one space, and what is asked of it."""

    embed_dim: int = 128
    modalities: tuple[Modality, ...] = MODALITIES
    hub: Literal["all", "text", "image"] = "all"
    """Pairs that are trained: all, or those with text (LanguageBind) or with image (ImageBind)."""
    loss: Literal["clip", "siglip"] = "clip"
    late_weight: float = 0.0
    """Weight of the token-wise max-sim loss (FILIP, Yao et al. 2021) beside the one of pooled vectors; 0 = none."""
    masks_groups: bool = True
    """Samples of one group are no negatives of each other."""
    initial_scale: float = 14.0
    initial_bias: float = -10.0
    """Of SigLIP; InfoNCE has none."""
    image: ImageConfig = field(default_factory=ImageConfig)
    text: TextConfig = field(default_factory=TextConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The trained pairs, in the order image, text, audio."""
        present = [name for name in MODALITIES if name in self.modalities]
        return tuple(pair for pair in combinations(present, 2) if self.hub == "all" or self.hub in pair)

    def tower(self, modality: str) -> TowerConfig:
        """The configuration of one modality."""
        return {"image": self.image, "text": self.text, "audio": self.audio}[modality]
