"""Log-mel spectrograms on the device, and their augmentation by the keys of the samples."""

from typing import cast

import torch
from torch import Tensor, nn
from transformers.audio_utils import mel_filter_bank

from mmmodels.recipes import AudioConfig
from mmmodels.towers.chance import uniform

# Shapes: B batch, N samples, M mel bands, T frames, F frequency bins.
_FLOOR, _DECIBEL_FLOOR = 1e-6, 1e-10
_STREAM, _NOISE = 20, 50


class LogMel(nn.Module):
    """int16 clips (B, N) to log-mel spectrograms (B, M, T)."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        bank_FM = mel_filter_bank(
            num_frequency_bins=config.fft_samples // 2 + 1,
            num_mel_filters=config.num_mels,
            min_frequency=config.min_hz,
            max_frequency=config.max_hz or config.sample_rate_hz / 2,
            sampling_rate=config.sample_rate_hz,
            mel_scale=config.mel_scale,
            norm="slaney" if config.mel_scale == "slaney" else None,
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
            )[:, :, : config.num_columns]
            power_BFT = spectrum_BFT.real.square() + spectrum_BFT.imag.square()
            mel_BMT = torch.einsum("bft,fm->bmt", power_BFT, cast("Tensor", self.bank_FM))
            if config.loudness == "decibel":
                return 10 * torch.log10(mel_BMT.clamp(min=_DECIBEL_FLOOR))
            return torch.log(mel_BMT + _FLOOR) * 0.25 + 1.5


def augmented(mel_BMT: Tensor, keys_B: Tensor, *, config: AudioConfig, strength: float) -> Tensor:
    """A later start of up to 0.15 s, a gain, and SpecAugment (Park et al. 2019): one band, one stretch of time."""
    _, num_mels, num_frames = mel_BMT.shape
    draws_BN = uniform(keys_B, 6, stream=_STREAM)
    delay_B = (draws_BN[:, 0] * (0.15 * strength * config.sample_rate_hz / config.hop_samples + 1)).long()
    mel_BMT = _delayed(mel_BMT, delay_B)
    unit = 10 / 2.302585 if config.loudness == "decibel" else 0.25
    mel_BMT = mel_BMT + ((draws_BN[:, 1] - 0.5) * 3.2 * unit * strength)[:, None, None]
    band_BM = _stretch(draws_BN[:, 2], draws_BN[:, 3], num_mels, widest=num_mels * 0.12 * strength)
    time_BT = _stretch(draws_BN[:, 4], draws_BN[:, 5], num_frames, widest=num_frames * 0.07 * strength)
    mean_B11 = mel_BMT.mean(dim=(1, 2), keepdim=True)
    return torch.where(band_BM[:, :, None] | time_BT[:, None, :], mean_B11, mel_BMT)


def with_noise(clips_BN: Tensor, keys_B: Tensor, *, noise: float) -> Tensor:
    """float32 (B, N) of int16's size: white noise of up to `noise` times the root mean square of each clip."""
    level_B1 = uniform(keys_B, 1, stream=_NOISE) * noise
    loudness_B1 = clips_BN.float().square().mean(dim=1, keepdim=True).sqrt()
    # Uniform noise is as white as Gaussian; of -1 to 1 it has a variance of a third.
    white_BN = (uniform(keys_B, clips_BN.shape[1], stream=_NOISE + 1) * 2 - 1) * 3**0.5
    return clips_BN.float() + white_BN * level_B1 * loudness_B1


def _delayed(mel_BMT: Tensor, frames_B: Tensor) -> Tensor:
    """The first frame is held for as long as the clip starts later."""
    num_frames = mel_BMT.shape[2]
    places_BT = (torch.arange(num_frames, device=mel_BMT.device)[None] - frames_B[:, None]).clamp(min=0)
    return mel_BMT.gather(2, places_BT[:, None, :].expand_as(mel_BMT))


def _stretch(width_B: Tensor, start_B: Tensor, size: int, *, widest: float) -> Tensor:
    """bool (B, size): a run of up to `widest` places somewhere."""
    width_B1 = (width_B * (int(widest) + 1)).long()[:, None]
    start_B1 = (start_B[:, None] * (size - width_B1 + 1)).long()
    places_1S = torch.arange(size, device=width_B.device)[None]
    return (places_1S >= start_B1) & (places_1S < start_B1 + width_B1)
