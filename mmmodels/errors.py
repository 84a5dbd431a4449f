"""The errors of the model side, below the data side's CorpusError: drawn in `pipelines.errors`."""

from pipelines.errors import CorpusError


class RecipeError(CorpusError):
    """A recipe asks for something that does not exist or does not fit together."""


class CheckpointError(CorpusError):
    """A checkpoint or a model bundle is incomplete, or is not what its name says."""


class GateError(CorpusError):
    """A model may not be promoted, or the evidence for it cannot be judged."""
