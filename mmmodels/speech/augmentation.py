"""Spectrograms of speech as other speakers, tempi and microphones would make them, by the keys of the samples."""

import torch
from torch import Tensor
from torch.nn import functional

from mmmodels.towers.chance import between, uniform

# Shapes: B batch, M mel bands, T frames, K masks.
_STREAM = 60
_MASKS = 2
_MAX_BANDS, _MAX_TIME = 0.2, 0.12
"""Shares of the bands, and of the clip's own frames, that one mask hides."""
_MAX_WARP = 0.12


def speech_augmented(mel_BMT: Tensor, lengths_B: Tensor, keys_B: Tensor, *, strength: float) -> tuple[Tensor, Tensor]:
    """Vocal tract and tempo (Jaitly and Hinton 2013; Ko et al. 2015), loudness, then SpecAugment (Park et al. 2019).

    The spectrograms and their new lengths in frames; at strength 1 a tempo is at most 12 % faster or slower.
    """
    mel_BMT, lengths_B = _warped(mel_BMT, lengths_B, keys_B, strength)
    mel_BMT = mel_BMT + between(keys_B, -0.4, 0.4, 1, stream=_STREAM)[:, :, None] * strength
    widths_BK, bands_BK, times_BK, starts_BK = uniform(keys_B, 4 * _MASKS, stream=_STREAM + 1).chunk(4, dim=1)
    num_mels, num_frames = mel_BMT.shape[1:]
    bands_B = torch.full_like(lengths_B, num_mels)
    bands_BM = _runs(widths_BK * _MAX_BANDS * strength, bands_BK, bands_B, num_mels)
    times_BT = _runs(times_BK * _MAX_TIME * strength, starts_BK, lengths_B, num_frames)
    mean_B11 = mel_BMT.mean(dim=(1, 2), keepdim=True)
    return torch.where(bands_BM[:, :, None] | times_BT[:, None, :], mean_B11, mel_BMT), lengths_B


def _warped(mel_BMT: Tensor, lengths_B: Tensor, keys_B: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Both axes stretched from their beginnings; room is made for what becomes longer."""
    num_frames = mel_BMT.shape[2]
    mel_BMT = functional.pad(mel_BMT, (0, int(num_frames * _MAX_WARP * strength) + 1), mode="replicate")
    scale_B2 = 1 + between(keys_B, -_MAX_WARP, _MAX_WARP, 2, stream=_STREAM + 2) * strength
    affine_B23 = torch.zeros(len(keys_B), 2, 3, device=mel_BMT.device)
    # In coordinates from -1 to 1; time is across, bands are down.
    affine_B23[:, 0, 0], affine_B23[:, 1, 1] = scale_B2.unbind(dim=1)
    affine_B23[:, :, 2] = scale_B2 - 1
    grid = functional.affine_grid(affine_B23, list(mel_BMT[:, None].shape), align_corners=False)
    warped_BMT = functional.grid_sample(mel_BMT[:, None], grid, padding_mode="border", align_corners=False)[:, 0]
    return warped_BMT, (lengths_B / scale_B2[:, 0]).round().long().clamp(1, mel_BMT.shape[2])


def _runs(shares_BK: Tensor, starts_BK: Tensor, sizes_B: Tensor, size: int) -> Tensor:
    """bool (B, size): K runs somewhere in each row's first places, each a share of them long."""
    width_BK = (shares_BK * sizes_B[:, None]).long()
    start_BK = (starts_BK * (sizes_B[:, None] - width_BK + 1)).long()
    places_11S = torch.arange(size, device=sizes_B.device)[None, None]
    return ((places_11S >= start_BK[:, :, None]) & (places_11S < (start_BK + width_BK)[:, :, None])).any(dim=1)
