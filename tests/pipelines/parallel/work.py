"""What workers do in these tests; in a file of its own, so that a worker can import it."""

import os
import threading
import time
from pathlib import Path

from pipelines.errors import ShardError, SourceError


def dies_until(task: tuple[str, int]) -> str:
    """Kill the worker in the middle of the task, as often as asked."""
    folder, times = task
    marks = len(list(Path(folder).iterdir()))
    if marks < times:
        (Path(folder) / str(marks)).touch()
        os.kill(os.getpid(), 9)
    return "done"


def dies_on_three(task: int) -> int:
    if task == 3:
        os._exit(7)
    return task


def refuses_odd(task: int) -> int:
    if task % 2:
        raise ShardError(f"shard {task}: is odd, expected an even one. Leave it out.")
    return task


def refuses_each_in_its_way(task: int) -> int:
    raise (ShardError, SourceError)[task % 2](f"task {task} was refused")


def fails_by_a_bug(task: int) -> int:
    if task == 2:
        raise KeyError("no such column")
    return refuses_odd(task)


class StubbornError(Exception):
    """Holds what no pickle takes."""

    def __init__(self, message: str, *, lock: object) -> None:
        super().__init__(message)
        self.lock = lock


def raises_what_does_not_pickle(task: int) -> int:
    raise StubbornError(f"a lock went with {task}", lock=threading.Lock())


def returns_what_does_not_pickle(task: int) -> object:
    del task
    return threading.Lock()


def leaves_a_child_that_holds_the_socket(task: int) -> int:
    """Die while a forked child keeps every descriptor open for some seconds."""
    if task == 1 and os.fork():
        os._exit(9)
    if task == 1:
        time.sleep(8)
        os._exit(0)
    return task


def notes_and_waits(folder: str) -> str:
    """Says which process it is, then sleeps."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(60)
    return folder


def doubled(task: int) -> int:
    return 2 * task


def names_its_node(_: int) -> str:
    """Takes a while, so that a cluster can grow meanwhile."""
    import ray

    time.sleep(0.5)
    return str(ray.get_runtime_context().get_node_id())


def names_its_gpus(_: int) -> list[int]:
    import ray

    return [int(number) for number in ray.get_gpu_ids()]
