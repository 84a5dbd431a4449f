"""How many weights a model has, and how many of them learn."""

from mmmodels.alignment.model import TriModal


def parameter_counts(model: TriModal) -> dict[str, tuple[int, int]]:
    """Modality -> (weights that learn, all weights), heads included."""
    counts: dict[str, tuple[int, int]] = {}
    for name in model.config.modalities:
        parts = [model.tower(name), *([model.heads[name]] if name in model.heads else [])]
        parameters = [parameter for part in parts for parameter in part.parameters()]
        counts[name] = (sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters))
    return counts
