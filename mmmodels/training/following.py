"""A bar of a run that may be in another process or on another machine: fed from the file that rank 0 writes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mmmodels.recipes import Recipe
from mmmodels.training.results import PROGRESS
from pipelines.progress import track
from pipelines.storage import exists, is_local, read_json

_LOCAL_SECONDS, _REMOTE_SECONDS = 0.5, 5.0
"""Between two looks."""


@contextmanager
def progress(recipe: Recipe, folder: str) -> Iterator[None]:
    """While the block runs."""
    done = threading.Event()
    thread = threading.Thread(target=_follow, args=(recipe, f"{folder}/{PROGRESS}", done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=5)


def _follow(recipe: Recipe, uri: str, done: threading.Event) -> None:
    pause = _LOCAL_SECONDS if is_local(uri) else _REMOTE_SECONDS

    def steps() -> Iterator[int]:
        told = 0
        while told < recipe.training.num_steps and not done.wait(pause):
            step = _step(uri)
            yield from range(told, step)
            told = max(told, step)
        yield from range(told, _step(uri))

    for _ in track(steps(), total=recipe.training.num_steps, what=f"train {recipe.name}"):
        pass


def _step(uri: str) -> int:
    return int(str(read_json(uri)["step"])) if exists(uri) else 0
