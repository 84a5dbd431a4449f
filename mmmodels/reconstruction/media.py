"""Masked pictures and spectrograms: each part predicts the values of hidden patches from what is left of an input.

A Transformer is given the seen patches alone and a light decoder fills the others in (He et al. 2022). A convolutional
network cannot leave patches out: it is given all of the picture with learned values in their place (SimMIM, Xie et al.
2022), and its last map is unfolded to the input's size. A recurrence loses whole stretches of time.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mmmodels.errors import RecipeError
from mmmodels.recipes.reconstruction import ReconstructionConfig
from mmmodels.reconstruction.encoders import map_of, patch_size, places_of, seen_tokens, shape_of
from mmmodels.reconstruction.masking import hidden_patches, num_hidden, patches_of
from mmmodels.towers.recurrent import FRAMES_PER_STEP, RecurrentAudio

# Shapes: B batch, C channels, H and W, T patches, K seen ones, P values to predict, E features, D decoder.
_RUN = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """What was predicted, and where it counts."""

    predicted_BTP: Tensor
    hidden_BT: Tensor

    def errors(self, targets_BTP: Tensor) -> Tensor:
        """(B,): mean square over the hidden patches."""
        squares_BT = (self.predicted_BTP.float() - targets_BTP.float()).square().mean(dim=2)
        hidden_BT = self.hidden_BT.float()
        return (squares_BT * hidden_BT).sum(dim=1) / hidden_BT.sum(dim=1)


class MaskedPart(nn.Module):
    """What stands around a network while it is pretrained; the network itself belongs to its tower."""

    size: tuple[int, int]
    """Of a patch."""

    def targets(self, inputs_BCHW: Tensor, teacher: nn.Module | None) -> Tensor:
        """(B, T, P): the patches themselves, or the teacher's places, standardised so that they cannot all shrink."""
        if teacher is None:
            return patches_of(inputs_BCHW, self.size)
        with torch.no_grad():
            places_BTE = places_of(teacher, inputs_BCHW)
            return nn.functional.layer_norm(places_BTE, places_BTE.shape[-1:])

    def seen(self, inputs_BCHW: Tensor, hidden_BT: Tensor, fill: Tensor) -> Tensor:
        """The input with `fill` in the place of its hidden patches."""
        _, _, height, width = inputs_BCHW.shape
        rows, columns = height // self.size[0], width // self.size[1]
        hidden_BHW = hidden_BT.reshape(-1, rows, columns)
        hidden_BHW = hidden_BHW.repeat_interleave(self.size[0], dim=1).repeat_interleave(self.size[1], dim=2)
        return torch.where(hidden_BHW[:, None], fill.to(inputs_BCHW.dtype), inputs_BCHW)


class MaskedPatches(MaskedPart):
    """Of a Transformer."""

    def __init__(self, network: nn.Module, example_1CHW: Tensor, config: ReconstructionConfig, *, share: float) -> None:
        super().__init__()
        self.size, self.share, width = patch_size(network), share, config.decoder_width
        with torch.no_grad():
            places_1TE = places_of(network, example_1CHW)
        num, features = places_1TE.shape[1:]
        outputs = features if config.objective == "features" else patches_of(example_1CHW, self.size).shape[2]
        self.entry = nn.Linear(features, width)
        self.mask_D = nn.Parameter(torch.zeros(width))
        self.places_TD = nn.Parameter(torch.randn(num, width) * 0.02)
        layer: Any = nn.TransformerEncoderLayer(
            width, max(1, width // 32), 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerEncoder(layer, config.decoder_layers, enable_nested_tensor=False)
        self.leaving = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, outputs))

    def forward(self, network: nn.Module, inputs_BCHW: Tensor, keys_B: Tensor) -> Guess:
        num = len(self.places_TD)
        hidden_BT = hidden_patches(keys_B, num, share=self.share)
        # The seen ones first, in their order: as many of each sample.
        kept_BK = hidden_BT.int().argsort(dim=1, stable=True)[:, : num - num_hidden(num, share=self.share)]
        tokens_BTE, prefix = seen_tokens(network, inputs_BCHW, kept_BK)
        seen_BKD = self.entry(tokens_BTE[:, prefix:])
        all_BTD = self.mask_D.to(seen_BKD.dtype).expand(len(seen_BKD), num, -1)
        all_BTD = all_BTD.scatter(1, kept_BK[:, :, None].expand_as(seen_BKD), seen_BKD)
        decoded_BTD = self.decoder(all_BTD + self.places_TD)
        return Guess(predicted_BTP=self.leaving(decoded_BTD), hidden_BT=hidden_BT)


class MaskedMap(MaskedPart):
    """Of a convolutional network: its last map unfolds by twos, then by fours, to the size of the input."""

    def __init__(
        self, network: nn.Module, example_1CHW: Tensor, config: ReconstructionConfig, *, share: float, where: str
    ) -> None:
        super().__init__()
        _, channels, height, width = example_1CHW.shape
        self.size, self.share, self.shows_features = (config.patch_size,) * 2, share, config.objective == "features"
        training = network.training
        with torch.no_grad():
            _, features, rows, columns = map_of(network.eval(), example_1CHW).shape
        network.train(training)
        by = height // rows
        if (rows * by, columns * by) != (height, width) or by < 4 or by & (by - 1) or height % config.patch_size:
            raise RecipeError(
                f"{where}: a map of {rows} x {columns} from {height} x {width}, hidden by {config.patch_size}. Give "
                "sides that the network halves evenly and reconstruction.patch_size divides."
            )
        self.mask_C11 = nn.Parameter(torch.zeros(channels, 1, 1))
        if self.shows_features:
            self.leaving: nn.Module = nn.Sequential(nn.Conv2d(features, features, 1), nn.GELU())
            self.leaving.append(nn.Conv2d(features, features, 1))
            return
        inner = config.decoder_width
        steps: list[nn.Module] = [nn.Conv2d(features, inner, 1)]
        for _ in range(by.bit_length() - 3):
            steps += [
                nn.GELU(),
                nn.Conv2d(inner, inner * 4, 1),
                nn.PixelShuffle(2),
                nn.Conv2d(inner, inner, 3, padding=1),
            ]
        self.leaving = nn.Sequential(*steps, nn.GELU(), nn.Conv2d(inner, channels * 16, 1), nn.PixelShuffle(4))

    def forward(self, network: nn.Module, inputs_BCHW: Tensor, keys_B: Tensor) -> Guess:
        _, _, height, width = inputs_BCHW.shape
        num = (height // self.size[0]) * (width // self.size[1])
        hidden_BT = hidden_patches(keys_B, num, share=self.share)
        map_BEHW = self.leaving(map_of(network, self.seen(inputs_BCHW, hidden_BT, self.mask_C11)))
        if self.shows_features:
            # A place of the map sees more than a patch: every one of them is to be as if all had been seen.
            predicted_BTE = map_BEHW.flatten(2).transpose(1, 2)
            return Guess(predicted_BTP=predicted_BTE, hidden_BT=torch.ones_like(predicted_BTE[:, :, 0]).bool())
        return Guess(predicted_BTP=patches_of(map_BEHW, self.size), hidden_BT=hidden_BT)


class MaskedStretches(MaskedPart):
    """Of a recurrence: runs of places of four frames each, in all bands."""

    def __init__(
        self, network: RecurrentAudio, example_1CHW: Tensor, config: ReconstructionConfig, *, share: float
    ) -> None:
        super().__init__()
        num_mels, features = example_1CHW.shape[2], network.norm.normalized_shape[0]
        self.size, self.share = (num_mels, FRAMES_PER_STEP), share
        if example_1CHW.shape[3] % FRAMES_PER_STEP:
            raise RecipeError(
                f"model.audio.num_frames={example_1CHW.shape[3]}: no multiple of {FRAMES_PER_STEP}. Choose one."
            )
        self.mask_C11 = nn.Parameter(torch.zeros(1, num_mels, 1))
        outputs = features if config.objective == "features" else num_mels * FRAMES_PER_STEP
        self.leaving = nn.Sequential(nn.Linear(features, features), nn.GELU(), nn.Linear(features, outputs))

    def forward(self, network: RecurrentAudio, inputs_BCHW: Tensor, keys_B: Tensor) -> Guess:
        num = inputs_BCHW.shape[3] // FRAMES_PER_STEP
        hidden_BT = hidden_patches(keys_B, num, share=self.share, run=_RUN)
        places_BTE = network.places(self.seen(inputs_BCHW, hidden_BT, self.mask_C11))
        return Guess(predicted_BTP=self.leaving(places_BTE), hidden_BT=hidden_BT)


def masked_part(
    network: nn.Module, example_1CHW: Tensor, config: ReconstructionConfig, *, share: float, where: str
) -> MaskedPart:
    """What fits the network; RecipeError where nothing does."""
    shape = shape_of(network, name=where)
    if shape == "map":
        return MaskedMap(network, example_1CHW, config, share=share, where=where)
    if isinstance(network, RecurrentAudio):
        return MaskedStretches(network, example_1CHW, config, share=share)
    return MaskedPatches(network, example_1CHW, config, share=share)
