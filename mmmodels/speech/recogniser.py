"""Connectionist temporal classification (Graves et al. 2006): for each frame a character, or nothing new."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.alignment.batch import Batch
from mmmodels.recipes import AudioConfig, SpeechConfig
from mmmodels.speech.encoder import UNKNOWN_LANGUAGE, FrameEncoder
from mmmodels.speech.transcripts import BLANK
from mmmodels.towers.chance import sample_keys, uniform

# Shapes: B batch, N samples, T frames, U units, C characters of the longest target.
_STREAM = 70


class Recogniser(nn.Module):
    """Clips to log-probabilities of units for each frame."""

    def __init__(self, audio: AudioConfig, config: SpeechConfig, *, num_units: int, num_languages: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = FrameEncoder(audio, config, num_languages=num_languages)
        self.head = nn.Linear(config.width, num_units)

    def log_probabilities(
        self,
        clips_BN: Tensor,
        lengths_B: Tensor,
        languages_B: Tensor,
        *,
        keys_B: Tensor | None = None,
        strength: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """float32 (B, T, U) and frames of each clip (B,)."""
        hidden_BTW, frames_B = self.encoder(clips_BN, lengths_B, languages_B, keys_B=keys_B, strength=strength)
        return self.head(hidden_BTW).float().log_softmax(dim=2), frames_B

    def forward(self, batch: Batch, *, strength: float = 0.0, seed: int | None = None) -> dict[str, Tensor]:
        """The mean over clips of the negative log-likelihood of a character.

        A clip that the augmentation left fewer frames than its characters need has no alignment and counts 0.
        """
        keys_B = sample_keys(seed or 0, batch.positions()) if self.training else None
        languages_B = batch.targets["language"]
        if keys_B is not None:
            hidden_B = uniform(keys_B, 1, stream=_STREAM)[:, 0] < self.config.hidden_languages
            languages_B = languages_B.masked_fill(hidden_B, UNKNOWN_LANGUAGE)
        log_probabilities_BTU, frames_B = self.log_probabilities(
            batch.media["audio"], batch.targets["num_samples"], languages_B, keys_B=keys_B, strength=strength
        )
        sizes_B = batch.targets["num_units"]
        losses_B = functional.ctc_loss(
            log_probabilities_BTU.transpose(0, 1),
            batch.targets["units"],
            frames_B,
            sizes_B,
            blank=BLANK,
            reduction="none",
            zero_infinity=True,
        )
        return {"ctc": (losses_B / sizes_B.clamp(min=1)).mean()}


def likeliest(log_probabilities_TU: Tensor) -> list[int]:
    """The best unit of each frame, runs of one unit as one, without blanks."""
    units_T = torch.unique_consecutive(log_probabilities_TU.argmax(dim=1))
    return [unit for unit in units_T.tolist() if unit != BLANK]
