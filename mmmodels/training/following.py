"""A bar of a run that may be in another process or on another machine: fed from the file that rank 0 writes."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmmodels.recipes import Recipe
from mmmodels.training.results import PROGRESS
from pipelines.progress import track
from pipelines.storage import exists, is_local, read_json

_LOCAL_SECONDS, _REMOTE_SECONDS = 0.5, 5.0
"""Between two looks."""
Tell = Callable[[Mapping[str, Any]], None]


@contextmanager
def progress(recipe: Recipe, folder: str, *, tell: Tell | None = None) -> Iterator[None]:
    """While the block runs; `tell` gets the metrics of each step that was reported since the last look, the newest."""
    done = threading.Event()
    thread = threading.Thread(target=_follow, args=(recipe, f"{folder}/{PROGRESS}", done, tell), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=5)


def _follow(recipe: Recipe, uri: str, done: threading.Event, tell: Tell | None) -> None:
    pause = _LOCAL_SECONDS if is_local(uri) else _REMOTE_SECONDS

    def steps() -> Iterator[int]:
        told = 0
        while told < recipe.training.num_steps and not done.wait(pause):
            metrics = _metrics(uri)
            step = int(metrics["step"])
            if tell and step > told:
                tell(metrics)
            yield from range(told, step)
            told = max(told, step)
        yield from range(told, int(_metrics(uri)["step"]))

    for _ in track(steps(), total=recipe.training.num_steps, what=f"train {recipe.name}"):
        pass


def _metrics(uri: str) -> Mapping[str, Any]:
    return read_json(uri) if exists(uri) else {"step": 0}
