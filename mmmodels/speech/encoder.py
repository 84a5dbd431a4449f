"""Frames of speech: log-mel, convolutions that halve the time, residual blocks, a bidirectional GRU.

Time is kept, unlike in the towers: one vector for each `frame_stride` hops. What lies behind a clip's own frames is
zero after every layer, so that a clip's vectors do not depend on what else is in its batch.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mmmodels.recipes import AudioConfig, SpeechConfig
from mmmodels.speech.augmentation import speech_augmented
from mmmodels.towers.chance import uniform
from mmmodels.towers.spectrograms import LogMel

# Shapes: B batch, N samples, M mel bands, T frames, W width, L languages.
UNKNOWN_LANGUAGE = 0
_STREAM = 65


class FrameEncoder(nn.Module):
    """int16 clips (B, N) with their lengths in samples (B,) to vectors (B, T, W) with their number (B,)."""

    def __init__(self, audio: AudioConfig, config: SpeechConfig, *, num_languages: int) -> None:
        super().__init__()
        self.audio, self.config = audio, config
        width = config.width
        self.log_mel = LogMel(audio)
        self.into = nn.Conv1d(audio.num_mels, width, 5, stride=config.frame_stride, padding=2)
        self.language = nn.Embedding(num_languages + 1, width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.convolutions))
        num_layers = config.recurrent_layers
        self.recurrent = (
            nn.GRU(width, width // 2, num_layers, batch_first=True, bidirectional=True) if num_layers else None
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        clips_BN: Tensor,
        lengths_B: Tensor,
        languages_B: Tensor,
        *,
        keys_B: Tensor | None = None,
        strength: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """Languages are numbers from 1, 0 where nobody said; with keys the spectrograms are augmented."""
        mel_BMT, frames_B = self._spectrograms(clips_BN, lengths_B)
        if keys_B is not None and strength > 0:
            mel_BMT, frames_B = speech_augmented(mel_BMT, frames_B, keys_B, strength=strength)
        hidden_BWT = self.into(mel_BMT * _there(frames_B, mel_BMT.shape[2])[:, None])
        frames_B = num_strided(frames_B, self.config.frame_stride)
        there_BT1 = _there(frames_B, hidden_BWT.shape[2])[:, :, None]
        hidden_BTW = (functional.gelu(hidden_BWT.transpose(1, 2)) + self.language(languages_B)[:, None]) * there_BT1
        for block in self.blocks:
            hidden_BTW = block(hidden_BTW, there_BT1)
        if self.recurrent is not None:
            hidden_BTW = hidden_BTW + self._recurred(hidden_BTW, frames_B)
        hidden_BTW = self.norm(hidden_BTW) * there_BT1
        return (hidden_BTW if keys_B is None else hidden_BTW * self._kept(keys_B)), frames_B

    def _kept(self, keys_B: Tensor) -> Tensor:
        """(B, 1, W): the features that a training clip keeps over all of its frames (Gal and Ghahramani 2016), scaled;
        drawn by the clips' keys, so that it does not hang on the layout of the ranks."""
        share = self.config.dropout
        draws_BW = uniform(keys_B, self.config.width, stream=_STREAM)
        return (draws_BW >= share).float()[:, None] / (1 - share)

    def _spectrograms(self, clips_BN: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """(B, M, T) less their own mean loudness, as far as the longest clip goes, and frames of each (B,)."""
        # Half a window of silence behind the longest one: what a clip sounds like at its end is not mirrored.
        ends = int(lengths_B.max()) + self.audio.fft_samples
        clips_BN = functional.pad(clips_BN, (0, max(0, ends - clips_BN.shape[1])))[:, :ends]
        mel_BMT = self.log_mel(clips_BN)
        frames_B = (lengths_B // self.audio.hop_samples + 1).clamp(max=mel_BMT.shape[2])
        mel_BMT = mel_BMT[:, :, : int(frames_B.max())]
        there_B1T = _there(frames_B, mel_BMT.shape[2])[:, None]
        mean_B11 = (mel_BMT * there_B1T).sum(dim=(1, 2), keepdim=True) / (frames_B * mel_BMT.shape[1])[:, None, None]
        return (mel_BMT - mean_B11) * there_B1T, frames_B

    def _recurred(self, hidden_BTW: Tensor, frames_B: Tensor) -> Tensor:
        assert self.recurrent is not None
        packed = pack_padded_sequence(hidden_BTW, frames_B.cpu(), batch_first=True, enforce_sorted=False)
        out_BTW, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True, total_length=hidden_BTW.shape[1])
        return out_BTW


class _Block(nn.Module):
    """A depthwise convolution over time, then a perceptron over features, each with its residual (ConvNeXt, 2022)."""

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        width, kernel = config.width, config.kernel_frames
        self.over_time = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, hidden_BTW: Tensor, there_BT1: Tensor) -> Tensor:
        mixed_BTW = self.over_time(hidden_BTW.transpose(1, 2)).transpose(1, 2)
        out_BTW: Tensor = (hidden_BTW + self.perceptron(self.norm(mixed_BTW))) * there_BT1
        return out_BTW


def num_strided(frames_B: Tensor, stride: int) -> Tensor:
    """Frames that are left of so many at this stride."""
    return torch.div(frames_B + stride - 1, stride, rounding_mode="floor")


def _there(lengths_B: Tensor, size: int) -> Tensor:
    """float (B, size): 1 for a row's own places."""
    return (torch.arange(size, device=lengths_B.device)[None] < lengths_B[:, None]).float()
