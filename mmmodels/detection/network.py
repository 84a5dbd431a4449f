"""A small detector: a timm network, one map of all its scales, proposals, and a decoder that refines the best of them.

DETR's own queries know nothing of the picture and take hundreds of epochs; queries that are the best places of the map
(Deformable DETR's two stages, Efficient DETR) learn in minutes on a processor.
"""

import math
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.detection.matching import Predictions
from mmmodels.errors import RecipeError
from mmmodels.recipes import ImageConfig
from mmmodels.recipes.detection import DetectionConfig

# Shapes: B batch, C channels, H and W side, T places of the map, Q queries, D width, K classes.
_PRIOR = 0.01
_FIRST_SIZE = 0.25
"""Of a proposal before anything is learnt, as a share of the picture."""


class Pyramid(nn.Module):
    """(B, C, H, W) to one map (B, D, h, w) at a stride, coarser maps added from above."""

    def __init__(self, config: ImageConfig, *, width: int, stride: int) -> None:
        super().__init__()
        kind, _, name = config.architecture.partition(":")
        if kind != "timm" or not timm.is_model(name):
            raise RecipeError(
                f"model.image.architecture={config.architecture}: a detector needs the maps of a convolutional network "
                "of timm. Choose timm:NAME, e.g. timm:test_byobnet or timm:resnet18."
            )
        trunk: Any = timm.create_model(name, pretrained=False, features_only=True, in_chans=config.in_chans)
        places = [number for number, by in enumerate(trunk.feature_info.reduction()) if by >= stride]
        if trunk.feature_info.reduction()[places[0]] != stride:
            raise RecipeError(f"timm:{name}: has no map at stride {stride}. Choose another detection.stride_pixels.")
        self.trunk = trunk
        self.first = places[0]
        channels = trunk.feature_info.channels()
        self.sides = nn.ModuleList(nn.Conv2d(channels[place], width, 1) for place in places)
        self.smooth = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(8, width), nn.SiLU())

    def forward(self, images_BCHW: Tensor) -> Tensor:
        maps = self.trunk(images_BCHW)[self.first :]
        merged = self.sides[-1](maps[-1])
        for side, finer in zip(reversed(self.sides[:-1]), reversed(maps[:-1]), strict=True):
            merged = side(finer) + functional.interpolate(merged, finer.shape[-2:], mode="nearest")
        return cast("Tensor", self.smooth(merged))


class Head(nn.Module):
    """Class logits, and how a box differs from the one that it refines."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Linear(width, num_classes)
        self.boxes = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 4))
        nn.init.constant_(self.classes.bias, -math.log((1 - _PRIOR) / _PRIOR))
        nn.init.zeros_(cast("nn.Linear", self.boxes[2]).weight)
        nn.init.zeros_(cast("nn.Linear", self.boxes[2]).bias)

    def forward(self, hidden_BQD: Tensor, before_BQ4: Tensor) -> Predictions:
        """`before` holds boxes in [0, 1]."""
        moved_BQ4 = self.boxes(hidden_BQD) + torch.logit(before_BQ4, eps=1e-4)
        return Predictions(logits_BQK=self.classes(hidden_BQD), boxes_BQ4=moved_BQ4.sigmoid())


class DecoderLayer(nn.Module):
    """Queries look at each other, then at the map; both know where they are (DAB-DETR, Liu et al. 2022)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.among = nn.MultiheadAttention(width, heads, batch_first=True)
        self.across = nn.MultiheadAttention(width, heads, batch_first=True)
        self.forward_layers = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.place = nn.Linear(2 * width, width)

    def forward(self, queries_BQD: Tensor, boxes_BQ4: Tensor, memory_BTD: Tensor, places_TD: Tensor) -> Tensor:
        width = queries_BQD.shape[-1]
        where_BQD = self.place(torch.cat([sine(boxes_BQ4[..., :2], width), sine(boxes_BQ4[..., 2:], width)], dim=-1))
        hidden = self.norms[0](queries_BQD)
        keys = hidden + where_BQD
        queries_BQD = queries_BQD + self.among(keys, keys, hidden, need_weights=False)[0]
        hidden = self.norms[1](queries_BQD) + where_BQD
        queries_BQD = queries_BQD + self.across(hidden, memory_BTD + places_TD, memory_BTD, need_weights=False)[0]
        return queries_BQD + cast("Tensor", self.forward_layers(self.norms[2](queries_BQD)))


class SetDetector(nn.Module):
    """Normalised pictures to predictions, one for each stage: the proposals, then the decoder's layers."""

    def __init__(self, image: ImageConfig, config: DetectionConfig, *, num_classes: int) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.pyramid = Pyramid(image, width=width, stride=config.stride_pixels)
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, config.heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.encoder_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.proposing = Head(width, num_classes)
        self.decoder = nn.ModuleList(DecoderLayer(width, config.heads) for _ in range(config.decoder_layers))
        self.refining = nn.ModuleList(Head(width, num_classes) for _ in range(config.decoder_layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(config.decoder_layers))

    def forward(self, images_BCHW: Tensor) -> list[Predictions]:
        map_BDHW = self.pyramid(images_BCHW)
        centres_T2 = _centres(map_BDHW)
        places_TD = sine(centres_T2, self.config.width)
        hidden_BTD = map_BDHW.flatten(2).transpose(1, 2)
        for layer in self.encoder:
            hidden_BTD = layer(hidden_BTD + places_TD)
        memory_BTD = self.norm(hidden_BTD)
        anchors_T4 = torch.cat([centres_T2, torch.full_like(centres_T2, _FIRST_SIZE)], dim=1)
        stages = [self.proposing(memory_BTD, anchors_T4.expand(len(memory_BTD), -1, -1))]
        if self.config.decoder_layers:
            self._refine(stages, memory_BTD, places_TD)
        return stages

    def _refine(self, stages: list[Predictions], memory_BTD: Tensor, places_TD: Tensor) -> None:
        """The most likely places become queries; no gradient goes back through where an earlier stage put a box."""
        proposals = stages[0]
        num = min(self.config.num_queries, memory_BTD.shape[1])
        best_BQ = proposals.logits_BQK.detach().amax(dim=-1).topk(num, dim=1).indices
        queries_BQD = memory_BTD.gather(1, best_BQ[..., None].expand(-1, -1, memory_BTD.shape[-1]))
        boxes_BQ4 = proposals.boxes_BQ4.gather(1, best_BQ[..., None].expand(-1, -1, 4))
        for layer, head, norm in zip(self.decoder, self.refining, self.norms, strict=True):
            queries_BQD = layer(queries_BQD, boxes_BQ4.detach(), memory_BTD, places_TD)
            stages.append(head(norm(queries_BQD), boxes_BQ4.detach()))
            boxes_BQ4 = stages[-1].boxes_BQ4


def sine(points: Tensor, width: int) -> Tensor:
    """(..., 2) in [0, 1] to (..., width): sines and cosines of each coordinate (Vaswani et al. 2017, DETR's in 2D)."""
    num = width // 4
    rates = math.pi * 2 ** torch.linspace(0, 7, num, device=points.device)
    angles = points[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(-2)


def _centres(map_BDHW: Tensor) -> Tensor:
    """(T, 2): the middle of each place, across and down, in [0, 1]."""
    height, width = map_BDHW.shape[-2:]
    down, across = ((torch.arange(number, device=map_BDHW.device) + 0.5) / number for number in (height, width))
    grid_down, grid_across = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([grid_across.flatten(), grid_down.flatten()], dim=1)
