"""How a classifier joins image, text and audio, and where its labels come from."""

from dataclasses import dataclass
from typing import Literal

from mmmodels.errors import RecipeError


@dataclass(frozen=True, kw_only=True, slots=True)
class FusionConfig:
    """Three ways to answer from several modalities, over the same towers."""

    kind: Literal["concat", "attention", "encoder_decoder"] = "concat"
    """concat: the pooled vectors side by side, two layers. attention: self-attention over the tokens of all modalities
    (as in ViLT, Kim et al. 2021). encoder_decoder: one query for each label attends to them (as in DETR)."""
    labels: str = "tag"
    """tag: a sample's first tag. agreement: which modality does not belong to the others, in samples composed for it.
    emosent: sentiment of an emoji. Else the digest of a label file in the root, as the verb `labels` prints it."""
    width: int = 128
    layers: int = 2
    """Of the encoder, and as many again of the decoder; concat has none."""
    heads: int = 4
    sequences: bool = True
    """Attend to the towers' token sequences, where they have them, beside their pooled vectors."""
    products: bool = True
    """Also the products of every two pooled vectors, element by element (as InferSent, Conneau et al. 2017): how much
    two modalities agree is a sum of them, which a short training does not find in vectors side by side."""
    modality_dropout: float = 0.2
    """Each modality of a training sample is hidden at this rate, so that any subset is answered from."""
    mixup: float = 0.0
    """Alpha of mixup (Zhang et al. 2018) of pictures and clips with their neighbours in a batch; 0 = none."""
    smoothing: float = 0.05
    """Of the labels."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise RecipeError(
                f"fusion.width={self.width}: not a multiple of fusion.heads={self.heads}. Choose one that is."
            )
        if not 0 <= self.modality_dropout < 1:
            raise RecipeError(f"fusion.modality_dropout={self.modality_dropout}: expected 0 to below 1. Lower it.")
