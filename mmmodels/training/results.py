"""What a run leaves beside its checkpoints, and where it is found again without torch and ray."""

from dataclasses import dataclass

from mmmodels.preparing.mixing import Mixture
from mmmodels.recipes import Recipe, run_key_of
from pipelines import storage
from pipelines.layout import Layout

RESULT, PROGRESS = "result.json", "progress.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingResult:
    """A finished run, as its manifest `result.json` tells it."""

    run_key: str
    bundle_uri: str
    mlflow_run_id: str
    num_steps: int
    num_samples_seen: int
    seconds: float
    """Of the loop, in the attempt that finished it."""
    samples_per_second: float
    curve: list[dict[str, float]]
    created: bool
    """False where an earlier call had finished the run."""


def finished(recipe: Recipe, *, layout: Layout, view_digest: str, parent: str = "") -> TrainingResult | None:
    """The result of the run over data of this effective digest, or None."""
    return result_of(layout, key_of(recipe, layout=layout, view_digest=view_digest, parent=parent))


def result_of(layout: Layout, run_key: str) -> TrainingResult | None:
    """The result of a run by its key, or None where it is not finished."""
    uri = f"{layout.checkpoints(run_key)}/{RESULT}"
    if not storage.exists(uri):
        return None
    return TrainingResult(**(storage.read_json(uri) | {"created": False}))  # type: ignore[arg-type]


def key_of(recipe: Recipe, *, layout: Layout, view_digest: str, parent: str = "") -> str:
    """The run key, with the bytes of pretrained weights in it: a file of the same name may have changed."""
    return run_key_of(recipe, view_digest=view_digest, parent=parent, weights=_pretrained(recipe, layout))


def _pretrained(recipe: Recipe, layout: Layout) -> dict[str, str]:
    """Modality -> sha256 of the weights that its tower starts from."""
    named = {name: recipe.model.tower(name).pretrained for name in recipe.model.modalities}
    if recipe.task not in ("align", "reconstruct") or not any(named.values()):
        return {}
    from mmmodels.encoders.fetching import weights_cache
    from mmmodels.encoders.pretrained import find_weights  # imports torch

    cache = weights_cache(layout.root)
    paths = {name: find_weights(location, cache=cache) for name, location in named.items() if location}
    return {name: storage.file_sha256(str(path)) for name, path in paths.items()}


def names_of(mixture: Mixture) -> list[str]:
    """VIEW/DIGEST=WEIGHT of each part: what `open_mixture` takes."""
    return [f"{view.view}/{view.digest}={weight!r}" for view, weight in mixture.parts]
