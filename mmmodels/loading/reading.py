"""What is read for one step on one rank."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Arrays of the samples of a step; those of media are written again when the next step is asked for."""

    step: int
    kind: str
    positions: NDArray[np.int64]
    """(b,): places in the sequence of all readings of this kind."""
    entries: NDArray[np.int64]
    """(b, 2): row in the table, number of the text; of the substitute where a sample was damaged."""
    arrays: Mapping[str, NDArray[Any]]
    """image: uint8 (b, 3, H, W); text: int64 (b, L); audio: int16 (b, N)."""
    there: Mapping[str, NDArray[np.bool_]]
    """Modality -> (b,): whether the sample has it; where not, the array holds a blank."""
    num_substituted: int
    """Samples of this rank that were read in place of damaged ones."""
