"""Pictures, frames of video and sound as sequences of tokens with their places and times."""

import math
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.errors import RecipeError
from mmmodels.generative.attention import EncoderBlock
from mmmodels.generative.positions import Encoded, Positions, grid_places
from mmmodels.recipes import AudioConfig, GeneratorConfig, ImageConfig, ModelConfig
from mmmodels.towers.adapters import prepare_tower
from mmmodels.towers.audio import AudioTower
from mmmodels.towers.augmentation import augmented as augmented_pictures
from mmmodels.towers.augmentation import resized
from mmmodels.towers.image import ImageTower
from mmmodels.towers.networks import TimmNetwork
from mmmodels.towers.spectrograms import LogMel
from mmmodels.towers.spectrograms import augmented as augmented_spectrograms

# Shapes: B batch, T tokens, K features, N samples, F frames, M mel bands.


class TowerEncoder(nn.Module):
    """A tower of the aligner, by the tokens of its last map or a finer map before it."""

    def __init__(self, modality: str, model: ModelConfig, *, stage: int) -> None:
        super().__init__()
        part = model.tower(modality)
        output_dim = model.embed_dim if part.head == "own" else None
        built = ImageTower if modality == "image" else AudioTower
        tower: Any = built(cast("Any", part), output_dim=output_dim)
        prepare_tower(tower, part)
        self.config, self.stage, self.is_frozen = part, stage, part.trained != "all"
        self.tower = tower
        self.features = tower.output_dim if stage < 0 else _network(tower, stage).num_channels(stage)

    def train(self, mode: bool = True) -> "TowerEncoder":
        """As torch's; a tower that is not trained as a whole keeps the statistics that it came with."""
        super().train(mode)
        if self.is_frozen:
            self.tower.eval()
        return self

    def forward(
        self, inputs: Tensor, *, keys_B: Tensor | None, strength: float, seconds_B: Tensor | None = None
    ) -> Encoded:
        learns = torch.is_grad_enabled() and self.config.trained != "none"
        with torch.set_grad_enabled(learns):
            if self.stage < 0:
                _, tokens_BTK, there_BT = self.tower.tokens(inputs, keys_B=keys_B, strength=strength)
                grid = self._grid(tokens_BTK.shape[1])
            else:
                maps_BKHW = self.tower.maps(inputs, stage=self.stage, keys_B=keys_B, strength=strength)
                tokens_BTK, grid = maps_BKHW.flatten(2).transpose(1, 2), (maps_BKHW.shape[2], maps_BKHW.shape[3])
                there_BT = torch.ones(tokens_BTK.shape[:2], dtype=torch.bool, device=tokens_BTK.device)
        return heard(_placed(tokens_BTK, there_BT, grid, self.config), seconds_B)

    def _grid(self, num_tokens: int) -> tuple[int, int]:
        """Rows and columns of the tokens: as a sequence where the network says so, or nearest to the input's shape."""
        if isinstance(self.config, AudioConfig):
            if getattr(self.tower.network, "frames_in_order", False):
                return 1, num_tokens
            return nearest_grid(num_tokens, self.config.num_mels / self.config.num_columns)
        return nearest_grid(num_tokens, 1.0)


class PatchEncoder(nn.Module):
    """A small ViT over patches (Dosovitskiy et al. 2021) with positions that do not hang on the side."""

    def __init__(self, image: ImageConfig, config: GeneratorConfig) -> None:
        super().__init__()
        if image.size_pixels % config.patch_pixels:
            raise RecipeError(
                f"generator.patch_pixels={config.patch_pixels}: model.image.size_pixels={image.size_pixels} is no "
                "multiple of it. Choose one that divides it."
            )
        self.config, self.features = image, config.width
        self.patches = nn.Conv2d(3, config.width, config.patch_pixels, stride=config.patch_pixels)
        self.positions = Positions(config.width)
        self.blocks = nn.ModuleList(
            [EncoderBlock(config.width, heads=config.heads) for _ in range(config.patch_layers)]
        )

    def forward(self, images_BCHW: Tensor, *, keys_B: Tensor | None, strength: float) -> Encoded:
        pictures = images_BCHW.float() / 255
        if keys_B is not None and (strength > 0 or self.config.augmentation == "photographs"):
            pictures = augmented_pictures(pictures, keys_B, config=self.config, strength=strength)
        pictures = resized(pictures, self.config.size_pixels)
        mean, std = (
            torch.tensor(v, device=pictures.device)[:, None, None] for v in (self.config.mean, self.config.std)
        )
        maps_BKHW = self.patches((pictures - mean) / std)
        tokens_BTK = maps_BKHW.flatten(2).transpose(1, 2)
        there_BT = torch.ones(tokens_BTK.shape[:2], dtype=torch.bool, device=tokens_BTK.device)
        encoded = self.positions(_placed(tokens_BTK, there_BT, (maps_BKHW.shape[2], maps_BKHW.shape[3]), self.config))
        for block in self.blocks:
            encoded = encoded.with_tokens(block(encoded.tokens_BTK))
        return cast("Encoded", encoded)


class FrameEncoder(nn.Module):
    """Log-mel frames through two convolutions over time and transformer layers, as Whisper's (Radford et al. 2023)."""

    def __init__(self, audio: AudioConfig, config: GeneratorConfig) -> None:
        super().__init__()
        width, stride = config.width, config.frame_stride
        self.config, self.features = audio, width
        self.log_mel = LogMel(audio)
        self.first = nn.Conv1d(audio.num_mels, width, 3, stride=2 if stride == 4 else 1, padding=1)
        self.second = nn.Conv1d(width, width, 3, stride=min(stride, 2), padding=1)
        self.positions = Positions(width)
        self.blocks = nn.ModuleList([EncoderBlock(width, heads=config.heads) for _ in range(config.frame_layers)])

    def forward(
        self, clips_BN: Tensor, *, keys_B: Tensor | None, strength: float, seconds_B: Tensor | None = None
    ) -> Encoded:
        mel_BMF = self.log_mel(clips_BN)
        if keys_B is not None and strength > 0:
            mel_BMF = augmented_spectrograms(mel_BMF, keys_B, config=self.config, strength=strength)
        frames_BKT = functional.gelu(self.second(functional.gelu(self.first(mel_BMF))))
        tokens_BTK = frames_BKT.transpose(1, 2)
        there_BT = torch.ones(tokens_BTK.shape[:2], dtype=torch.bool, device=tokens_BTK.device)
        seconds = mel_BMF.shape[2] * self.config.hop_samples / self.config.sample_rate_hz
        placed = _placed(tokens_BTK, there_BT, (1, tokens_BTK.shape[1]), self.config, seconds=seconds)
        encoded = self.positions(heard(placed, seconds_B))
        for block in self.blocks:
            encoded = encoded.with_tokens(block(encoded.tokens_BTK, encoded.there_BT))
        return cast("Encoded", encoded)


def heard(encoded: Encoded, seconds_B: Tensor | None) -> Encoded:
    """Without what starts behind the end of each clip."""
    if seconds_B is None or encoded.seconds_BT is None:
        return encoded
    return replace(encoded, there_BT=encoded.there_BT & (encoded.seconds_BT < seconds_B[:, None]))


def nearest_grid(num_tokens: int, ratio: float) -> tuple[int, int]:
    """(rows, columns) of that many cells whose shape is nearest to rows / columns = ratio."""
    pairs = [(rows, num_tokens // rows) for rows in range(1, num_tokens + 1) if num_tokens % rows == 0]
    return min(pairs, key=lambda pair: abs(math.log(pair[0] / pair[1] / ratio)))


def _placed(
    tokens_BTK: Tensor, there_BT: Tensor, grid: tuple[int, int], config: Any, *, seconds: float | None = None
) -> Encoded:
    row_T, column_T = grid_places(grid, tokens_BTK.device)
    seconds_BT = None
    if isinstance(config, AudioConfig):
        whole = config.num_samples / config.sample_rate_hz if seconds is None else seconds
        seconds_BT = (column_T * whole)[None].expand(len(tokens_BTK), -1)
    return Encoded(
        tokens_BTK=tokens_BTK, there_BT=there_BT, grid=grid, row_T=row_T, column_T=column_T, seconds_BT=seconds_BT
    )


def _network(tower: Any, stage: int) -> TimmNetwork:
    network = getattr(tower, "visual", None) or getattr(tower, "network", None)
    if not isinstance(network, TimmNetwork):
        raise RecipeError(
            f"stage {stage}: only a timm network has stages, this tower is {type(network).__name__}. Set image_stage "
            "or audio_stage to -1."
        )
    return network


def build_encoder(modality: str, model: ModelConfig, config: GeneratorConfig) -> nn.Module:
    """Of `image` or `audio`; video goes through that of the image."""
    if modality == "image":
        if config.image_encoder == "patches":
            return PatchEncoder(model.image, config)
        return TowerEncoder("image", model, stage=config.image_stage)
    if config.audio_encoder == "frames":
        return FrameEncoder(model.audio, config)
    return TowerEncoder("audio", model, stage=config.audio_stage)
