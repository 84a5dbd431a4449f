"""What a worker of a cluster runs: with this function our package is sent to it, and so are the encoders."""

from pipelines.signals import embeddings
from pipelines.signals.embeddings import Effort, EmbeddingTask


def embed_shard(task: EmbeddingTask) -> dict[str, Effort]:
    """`pipelines.signals.embeddings.embed_shard`, as a function of this package."""
    return embeddings.embed_shard(task)
