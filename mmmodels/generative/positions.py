"""Where a token of the memory stands: in seconds and on its grid, as sinusoids."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

# Shapes: B batch, T tokens, K features, F features of one coordinate.
_FEATURES = 32
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.04, 120.0
_SHORTEST_SHARE, _LONGEST_SHARE = 0.05, 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """One modality as a sequence: what an encoder gives and a connector takes."""

    tokens_BTK: Tensor
    there_BT: Tensor
    grid: tuple[int, int]
    """(rows, columns) of one picture or spectrogram; a sequence of frames has one row."""
    row_T: Tensor
    """Places on the grid as shares of its height and width, middles of cells."""
    column_T: Tensor
    seconds_BT: Tensor | None = None
    """When it is seen or heard; None: a picture, which has no time."""

    def with_tokens(self, tokens_BTK: Tensor) -> "Encoded":
        """The same places with other features."""
        return replace(self, tokens_BTK=tokens_BTK)


def sinusoids(values: Tensor, *, shortest: float, longest: float) -> Tensor:
    """(..., F): sine and cosine at periods that grow geometrically from `shortest` to `longest`, as values are."""
    count = _FEATURES // 2
    steps = torch.arange(count, device=values.device) / (count - 1)
    periods = shortest * (longest / shortest) ** steps
    angles = values[..., None].float() * (2 * math.pi / periods)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class Positions(nn.Module):
    """Adds to tokens a linear map of sinusoids of seconds (periods 0.04 to 120 s), of row and of column (shares).

    Seconds, not numbers of frames: the same instant has the same position whatever the rate of sound or pictures.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.places = nn.Linear(3 * _FEATURES, features, bias=False)

    def forward(self, encoded: Encoded) -> Encoded:
        tokens_BTK = encoded.tokens_BTK
        rows_TF, columns_TF = (
            sinusoids(values, shortest=_SHORTEST_SHARE, longest=_LONGEST_SHARE)
            for values in (encoded.row_T, encoded.column_T)
        )
        size = len(tokens_BTK)
        if encoded.seconds_BT is None:
            seconds_BTF = torch.zeros(size, *rows_TF.shape, device=tokens_BTK.device)
        else:
            seconds_BTF = sinusoids(encoded.seconds_BT, shortest=_SHORTEST_SECONDS, longest=_LONGEST_SECONDS)
        places_BTP = torch.cat([seconds_BTF, *(x[None].expand(size, -1, -1) for x in (rows_TF, columns_TF))], dim=-1)
        return encoded.with_tokens(self.norm(tokens_BTK) + self.places(places_BTP))


def grid_places(grid: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """(T,) row and column of every cell in reading order, as shares."""
    rows, columns = grid
    row_R = (torch.arange(rows, device=device) + 0.5) / rows
    column_C = (torch.arange(columns, device=device) + 0.5) / columns
    return row_R.repeat_interleave(columns), column_C.repeat(rows)
