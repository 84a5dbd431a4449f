"""What the training loop asks of a task."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import nn

from mmmodels.alignment.batch import Batch
from mmmodels.loading import Reading
from mmmodels.planning import Pool


class Task(Protocol):
    """What a recipe trains: the model's forward gives named losses of a batch, their sum is minimised."""

    def build(self) -> nn.Module:
        """The model at step 0."""
        ...

    def pools(self) -> dict[str, Pool]:
        """Kind of batch -> entries to train on; made from the table alone, `plan` asks it without media."""
        ...

    def held_out_pools(self) -> dict[str, Pool]:
        """Kind of batch -> entries that no step trains on."""
        ...

    def modalities(self, kind: str, /) -> Sequence[str]:
        """What samples of a kind are read of."""
        ...

    def batch(self, reading: Reading, /) -> Batch:
        """One rank's tensors of one step."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """What besides weights and recipe the trained model must know, as JSON: labels, counts of what was left out."""
        ...
