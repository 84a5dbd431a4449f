"""Recurrent and convolutional encoders of sequences: of token embeddings, and of the frames of a spectrogram."""

from typing import cast

import torch
from torch import Tensor, nn

from mmmodels.errors import RecipeError

# Shapes: B batch, L places, I inputs, W width, M mel bands, T frames, S shorter frames, D embedding.
KINDS: dict[str, type[nn.GRU | nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}
FRAMES_PER_STEP = 4
"""The front of the audio network halves time twice: a recurrence over every frame would be the slowest of all."""


class Bidirectional(nn.Module):
    """(B, L, I) to (B, L, W): half of the width from each direction (Schuster & Paliwal 1997), layer on layer.

    Each text is turned round within its own length, so padding changes nothing and no length leaves the device.
    """

    def __init__(self, kind: str, *, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        if width % 2:
            raise RecipeError(f"width {width} of a {kind}: two directions share it. Choose an even one.")
        sizes = [inputs, *[width] * (layers - 1)]
        network = KINDS[kind]
        self.rightward = nn.ModuleList(network(size, width // 2, batch_first=True) for size in sizes)
        self.leftward = nn.ModuleList(network(size, width // 2, batch_first=True) for size in sizes)

    def forward(self, hidden_BLW: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        places_BL = _turned(hidden_BLW, lengths_B)
        for right, left in zip(self.rightward, self.leftward, strict=True):
            turned_BLW = _gathered(hidden_BLW, places_BL)
            back_BLW = _gathered(left(turned_BLW)[0], places_BL)
            hidden_BLW = torch.cat([right(hidden_BLW)[0], back_BLW], dim=2)
        return hidden_BLW


class Convolutions(nn.Module):
    """(B, L, I) to (B, L, W): residual blocks of three neighbours each, zeros behind the end of a text."""

    def __init__(self, *, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.entry = nn.Linear(inputs, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.blocks = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in range(layers))

    def forward(self, hidden_BLW: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        num = hidden_BLW.shape[1]
        there_BL1 = torch.ones_like(hidden_BLW[:, :, :1]) if lengths_B is None else _within(lengths_B, num)[:, :, None]
        hidden_BLW = self.entry(hidden_BLW)
        for norm, block in zip(self.norms, self.blocks, strict=True):
            inner_BWL = (norm(hidden_BLW) * there_BL1).transpose(1, 2)
            hidden_BLW = hidden_BLW + nn.functional.gelu(block(inner_BWL)).transpose(1, 2)
        return hidden_BLW


class SequenceText(nn.Module):
    """Ids (B, L) and lengths (B,) to the places of a text (B, L, W)."""

    def __init__(self, kind: str, *, vocab_size: int, width: int, layers: int, output_dim: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.token_embedding.weight, std=0.1)
        self.encoder = (
            Convolutions(inputs=width, width=width, layers=layers)
            if kind == "conv"
            else Bidirectional(kind, inputs=width, width=width, layers=layers)
        )
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, output_dim, bias=False)

    def forward(self, embedded_BLW: Tensor, lengths_B: Tensor) -> Tensor:
        return cast("Tensor", self.norm(self.encoder(embedded_BLW, lengths_B)))


class RecurrentAudio(nn.Module):
    """Spectrograms (B, 1, M, T) to (B, D): two convolutions over time, then a recurrence (as Deep Speech 2's)."""

    def __init__(self, kind: str, *, num_mels: int, width: int, layers: int, output_dim: int | None) -> None:
        super().__init__()
        self.output_dim = output_dim or width
        self.front = nn.Sequential(
            nn.Conv1d(num_mels, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2),
            nn.GELU(),
        )
        self.encoder = Bidirectional(kind, inputs=width, width=width, layers=layers)
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, output_dim, bias=False) if output_dim else nn.Identity()

    def places(self, mel_B1MT: Tensor) -> Tensor:
        """(B, S, W) before the projection, a place for every four frames."""
        hidden_BWS = self.front(mel_B1MT[:, 0].contiguous())
        return cast("Tensor", self.norm(self.encoder(hidden_BWS.transpose(1, 2))))

    def forward(self, mel_B1MT: Tensor) -> Tensor:
        return cast("Tensor", self.projection(self.places(mel_B1MT).mean(dim=1)))

    def tokens(self, mel_B1MT: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled (B, D) and (B, S, D) in the same space."""
        places_BSD = self.projection(self.places(mel_B1MT))
        return places_BSD.mean(dim=1), places_BSD


def sizes_of(architecture: str) -> tuple[str, int, int] | None:
    """Kind, width and layers of gru:128x2 or lstm:128x2; None for another word, RecipeError for other sizes."""
    kind, _, sizes = architecture.partition(":")
    if kind not in KINDS:
        return None
    width, _, layers = sizes.partition("x")
    if not (width.isdecimal() and layers.isdecimal() and int(width) > 0 and int(layers) > 0):
        raise RecipeError(f"architecture {architecture}: expected {kind}:WIDTHxLAYERS, e.g. {kind}:128x2.")
    return kind, int(width), int(layers)


def _within(lengths_B: Tensor, num: int) -> Tensor:
    """bool (B, L): places of the texts."""
    return torch.arange(num, device=lengths_B.device)[None] < lengths_B[:, None]


def _turned(hidden_BLW: Tensor, lengths_B: Tensor | None) -> Tensor:
    """int64 (B, L): where each place goes when a sequence is read from its end; padding stays where it is."""
    num, device = hidden_BLW.shape[1], hidden_BLW.device
    places_L = torch.arange(num, device=device)
    if lengths_B is None:
        return places_L.flip(0).expand(len(hidden_BLW), num)
    turned_BL = lengths_B[:, None] - 1 - places_L[None]
    return torch.where(turned_BL >= 0, turned_BL, places_L[None])


def _gathered(hidden_BLW: Tensor, places_BL: Tensor) -> Tensor:
    return hidden_BLW.gather(1, places_BL[:, :, None].expand(-1, -1, hidden_BLW.shape[2]))
