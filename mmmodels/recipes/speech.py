"""How speech is recognised: the encoder of frames, its units, its decoding."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechConfig:
    """Of the task `transcribe`. The clip's features (rate, bands, hop, longest clip) are those of `model.audio`."""

    head: Literal["ctc"] = "ctc"
    """A character or nothing for each frame (Graves et al. 2006)."""
    width: int = 192
    convolutions: int = 4
    """Residual blocks over time, each a depthwise convolution and a two-layer perceptron."""
    kernel_frames: int = 9
    recurrent_layers: int = 1
    """Of a bidirectional GRU after the convolutions."""
    frame_stride: int = 2
    """Hops for one frame of the encoder; 2 hops of 12.5 ms leave 40 frames a second, synthetic speech has 30 letters.
    """
    dropout: float = 0.1
    """Share of the encoder's features that a training clip lacks, the same in all of its frames."""
    hidden_languages: float = 0.25
    """Share of the training clips whose language the model is not told, so that it answers without one as well."""
    min_count: int = 3
    """Characters that the training transcripts hold less often than this are no units."""
    beam: int = 0
    """Prefixes kept by the prefix beam search (Hannun et al. 2014); 0 = the best unit of each frame, which is what the
    figures of the recipe were measured with."""
    lexicon_weight: float = 0.6
    """Of the logarithm of a word's share in the training transcripts, when a word is complete; 0 = no lexicon."""
    word_bonus: float = 3.0
    """For each word, against the cost of its share."""
    max_lexicon: int = 50_000
    """Words a language keeps, the most frequent ones."""
