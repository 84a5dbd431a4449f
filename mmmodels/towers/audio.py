"""The audio tower: log-mel spectrograms, then a timm network with one channel, CLAP's HTSAT or a recurrence."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from mmmodels.errors import RecipeError
from mmmodels.recipes import AudioConfig
from mmmodels.towers.networks import TimmNetwork
from mmmodels.towers.recurrent import RecurrentAudio, sizes_of
from mmmodels.towers.spectrograms import LogMel, augmented, with_noise

# Shapes: B batch, N samples, M mel bands, T frames or tokens, F places in frequency, K features, D embedding.


class AudioTower(nn.Module):
    """int16 clips (B, N) to embeddings (B, D), not normalised; augments where it is given keys."""

    has_tokens = True

    def __init__(self, config: AudioConfig, *, output_dim: int | None) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config)
        network: Any = _built(config, output_dim)
        self.output_dim: int = network.output_dim
        is_map = isinstance(network, TimmNetwork)
        self.network = cast("Any", network).to(memory_format=torch.channels_last) if is_map else network

    def forward(self, clips_BN: Tensor, *, keys_B: Tensor | None = None, strength: float = 0.0) -> Tensor:
        return cast("Tensor", self.network(self.prepared(clips_BN, keys_B, strength)))

    def tokens(
        self, clips_BN: Tensor, *, keys_B: Tensor | None = None, strength: float = 0.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pooled (B, D), tokens (B, T, D) in the same space, and which of them count (B, T): all."""
        network: Any = self.network
        pooled_BD, tokens_BTD = network.tokens(self.prepared(clips_BN, keys_B, strength))
        return pooled_BD, tokens_BTD, torch.ones(tokens_BTD.shape[:2], dtype=torch.bool, device=tokens_BTD.device)

    def maps(self, clips_BN: Tensor, *, stage: int, keys_B: Tensor | None = None, strength: float = 0.0) -> Tensor:
        """(B, K, M, T) of a stage of a timm network: places in frequency and time."""
        network: Any = self.network
        return cast("Tensor", network.maps(self.prepared(clips_BN, keys_B, strength), stage=stage))

    def prepared(self, clips_BN: Tensor, keys_B: Tensor | None = None, strength: float = 0.0) -> Tensor:
        """What the network is given: (B, 1, M, T), of HTSAT (B, 1, T, M), augmented where there are keys."""
        if keys_B is not None and self.config.noise > 0:
            clips_BN = with_noise(clips_BN, keys_B, noise=self.config.noise)
        mel_BMT = self.log_mel(clips_BN)
        if keys_B is not None and strength > 0:
            mel_BMT = augmented(mel_BMT, keys_B, config=self.config, strength=strength)
        if self.config.architecture == "htsat":
            return cast("Tensor", mel_BMT.transpose(1, 2)[:, None])
        return cast("Tensor", mel_BMT[:, None].contiguous(memory_format=torch.channels_last))


class Htsat(nn.Module):
    """CLAP's hierarchical token-semantic transformer (Chen et al. 2022), (B, 1, T, M) to (B, D)."""

    def __init__(self, config: AudioConfig, *, output_dim: int | None) -> None:
        super().__init__()
        from transformers import ClapAudioConfig, ClapAudioModelWithProjection

        width, depths = config.width or 96, config.depths or (2, 2, 6, 2)
        self.output_dim = output_dim or 512
        # One head for every 24 features, as published; no dropout, which would hang on the layout of the ranks.
        settings = ClapAudioConfig(
            num_mel_bins=config.num_mels,
            patch_embeds_hidden_size=width,
            hidden_size=width * 2 ** (len(depths) - 1),
            depths=list(depths),
            num_attention_heads=[max(1, width * 2**stage // 24) for stage in range(len(depths))],
            num_hidden_layers=len(depths),
            projection_dim=self.output_dim,
            hidden_dropout_prob=0.0,
        )
        self.clap = ClapAudioModelWithProjection(settings)

    def forward(self, mel_B1TM: Tensor) -> Tensor:
        return cast("Tensor", self.clap(input_features=mel_B1TM).audio_embeds)

    def tokens(self, mel_B1TM: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled (B, D), and the places of the last map in time and frequency (B, T, D) in the same space."""
        found = self.clap(input_features=mel_B1TM)
        places_BTK = found.last_hidden_state.flatten(2).transpose(1, 2)
        return found.audio_embeds, self.clap.audio_projection(places_BTK)


def _built(config: AudioConfig, output_dim: int | None) -> nn.Module:
    if config.architecture == "htsat":
        return Htsat(config, output_dim=output_dim)
    sizes = sizes_of(config.architecture)
    if (config.architecture.partition(":")[0] != "timm" and sizes is None) or config.width or config.depths:
        raise RecipeError(
            f"architecture {config.architecture}: expected timm:NAME or htsat, or gru: or lstm:WIDTHxLAYERS; "
            "width and depths only change htsat."
        )
    if sizes is not None:
        kind, width, layers = sizes
        return RecurrentAudio(kind, num_mels=config.num_mels, width=width, layers=layers, output_dim=output_dim)
    size = (config.num_mels, config.num_columns)
    return TimmNetwork(config.network, in_chans=1, size=size, output_dim=output_dim)
