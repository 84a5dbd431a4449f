"""What is hidden of a sample, and what is to be said of it: pretraining without labels or pairs."""

from dataclasses import dataclass
from typing import Literal

from mmmodels.errors import RecipeError
from mmmodels.recipes.model import MODALITIES, Modality


@dataclass(frozen=True, kw_only=True, slots=True)
class ReconstructionConfig:
    """The sum over modalities of weight times error of what was hidden."""

    modalities: tuple[Modality, ...] = MODALITIES
    """Whose errors are summed; one alone is pretraining of that tower."""
    objective: Literal["input", "features"] = "input"
    """input: pixels (MAE, He et al. 2022), spectrogram (Audio-MAE, Huang et al. 2022), tokens (BERT, Devlin et al.
    2019). features: what an average of the towers' own past weights makes of the whole (data2vec, Baevski et al. 2022).
    """
    image_weight: float = 1.0
    text_weight: float = 0.3
    audio_weight: float = 1.0
    """Errors are squares of standardised values, those of tokens nats: the weights bring them to one size."""
    image_masked: float = 0.6
    audio_masked: float = 0.6
    text_masked: float = 0.2
    """Share of the patches or tokens that is hidden."""
    patch_size: int = 16
    """Side of what is hidden at a time, pixels or bins, where the network has no patches of its own."""
    decoder_width: int = 64
    decoder_layers: int = 1
    teacher_decay: float = 0.99
    """Of features: how much of its past the average keeps at every step."""

    def __post_init__(self) -> None:
        if not self.modalities:
            raise RecipeError(f"reconstruction.modalities: empty. Give one or more of {', '.join(MODALITIES)}.")
        for name in MODALITIES:
            if not 0 < self.masked(name) < 1:
                raise RecipeError(
                    f"reconstruction.{name}_masked={self.masked(name)}: expected a share above 0, below 1."
                )

    def masked(self, modality: str) -> float:
        """Share of a modality that is hidden."""
        return {"image": self.image_masked, "text": self.text_masked, "audio": self.audio_masked}[modality]

    def weight(self, modality: str) -> float:
        """Of a modality's error in the sum."""
        return {"image": self.image_weight, "text": self.text_weight, "audio": self.audio_weight}[modality]
