"""The audio tower: log-mel spectrograms computed on the device, then a timm network with one channel."""

from typing import Any, cast

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.audio_utils import mel_filter_bank

from mmmodels.recipes import AudioConfig

# Shapes: B batch, N samples, M mel bands, T frames, F frequency bins, D embedding.
_FLOOR = 1e-6


class LogMel(nn.Module):
    """int16 clips (B, N) to log-mel spectrograms (B, M, T), scaled to about unit variance on speech."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        bank_FM = mel_filter_bank(
            num_frequency_bins=config.fft_samples // 2 + 1,
            num_mel_filters=config.num_mels,
            min_frequency=50.0,
            max_frequency=config.sample_rate_hz / 2,
            sampling_rate=config.sample_rate_hz,
        )
        self.register_buffer("bank_FM", torch.as_tensor(bank_FM, dtype=torch.float32), persistent=False)
        self.register_buffer("window", torch.hann_window(config.window_samples), persistent=False)

    def forward(self, clips_BN: Tensor) -> Tensor:
        config = self.config
        with torch.autocast(clips_BN.device.type, enabled=False):
            spectrum_BFT = torch.stft(
                clips_BN.float() / 32768,
                n_fft=config.fft_samples,
                hop_length=config.hop_samples,
                win_length=config.window_samples,
                window=cast("Tensor", self.window),
                return_complex=True,
            )[:, :, : config.num_frames]
            power_BFT = spectrum_BFT.real.square() + spectrum_BFT.imag.square()
            mel_BMT = torch.einsum("bft,fm->bmt", power_BFT, cast("Tensor", self.bank_FM))
            return torch.log(mel_BMT + _FLOOR) * 0.25 + 1.5


class AudioTower(nn.Module):
    """int16 clips (B, N) to embeddings (B, D), not normalised; augments only while training."""

    def __init__(self, config: AudioConfig, *, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config)
        network: Any = timm.create_model(config.network, pretrained=False, in_chans=1, num_classes=embed_dim)
        self.network = network.to(memory_format=torch.channels_last)

    def forward(self, clips_BN: Tensor, *, strength: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
        augment = self.training and strength > 0
        if augment:
            clips_BN = _delay(clips_BN, strength=strength, generator=generator)
        mel_BMT = self.log_mel(clips_BN)
        if augment:
            mel_BMT = _mask(mel_BMT, strength=strength, generator=generator)
        return cast("Tensor", self.network(mel_BMT[:, None].contiguous(memory_format=torch.channels_last)))


def _delay(clips_BN: Tensor, *, strength: float, generator: torch.Generator | None) -> Tensor:
    """Start up to 0.15 s later: one shift for the batch, so that no clip is copied alone."""
    most = int(2400 * strength) + 1
    shift = int(torch.randint(0, most, (), generator=generator))
    return functional.pad(clips_BN, (shift, 0))[:, : clips_BN.shape[1]]


def _mask(mel_BMT: Tensor, *, strength: float, generator: torch.Generator | None) -> Tensor:
    """SpecAugment (Park et al. 2019) with one band and one stretch of time, and a random gain."""
    num, num_mels, num_frames = mel_BMT.shape
    mel_BMT = mel_BMT + (torch.rand(num, 1, 1, generator=generator).to(mel_BMT) - 0.5) * 0.8 * strength
    mean = mel_BMT.mean()
    for dim, widest in ((1, int(num_mels * 0.12 * strength)), (2, int(num_frames * 0.07 * strength))):
        width = int(torch.randint(0, widest + 1, (), generator=generator))
        start = int(torch.randint(0, mel_BMT.shape[dim] - width + 1, (), generator=generator))
        mel_BMT.narrow(dim, start, width).fill_(mean)
    return mel_BMT
