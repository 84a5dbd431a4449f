"""A run on Ray Train: in this process, on a cluster that is there (RAY_ADDRESS), or on one made here for the run."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import ray
from pyarrow.fs import FSSpecHandler, PyFileSystem
from ray.train import CheckpointConfig, FailureConfig, Result, RunConfig, ScalingConfig, WorkerGroupError
from ray.train.torch import TorchConfig, TorchTrainer

from mmmodels.recipes import Recipe, TrainingConfig
from mmmodels.tracking import Tracker
from mmmodels.training.reporting import KEPT, VALIDATION_LOSS, LocalReporter, MlflowReporter, RayReporter
from pipelines.errors import CorpusError
from pipelines.storage import filesystem_of, is_local

MAX_FAILURES = 2
RESIZE_SECONDS = 60.0
"""Between two looks at whether machines have come or gone."""
RAY_FOLDER = "ray"
"""Of a run's folder: what Ray Train keeps there."""
WORKER_ENVIRONMENT = {
    "RAY_worker_niceness": "0",  # Ray makes workers nice: beside any other work of the machine a run would starve
    # glibc gives the buffers of every step back and faults them in again at the next: a sixth of a step's time.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
"""Set where a cluster is started here, unless the user has set them."""


def train_on_ray(config: dict[str, Any]) -> dict[str, Any]:
    """The worker function: at module level, so that it is pickled by name.

    It imports the models itself: Ray's controller takes this module too, and would load them for nothing.
    """
    from mmmodels.training.worker import train_worker

    return train_worker(config, reporter=RayReporter())


def fit_here(
    _recipe: Recipe, config: dict[str, Any], tracker: Tracker, callbacks: Sequence[Any] = ()
) -> Mapping[str, Any]:
    """Run to the end in this process, without Ray, which may be busy with a search that this run is a trial of."""
    from mmmodels.training.worker import Place, train_worker

    reporter = LocalReporter(f"{config['folder']}/local", tracker, callbacks)
    return train_worker(config, reporter=reporter, place=Place())


def fit_on_ray(
    recipe: Recipe, config: dict[str, Any], tracker: Tracker, callbacks: Sequence[Any] = ()
) -> Mapping[str, Any]:
    """Run to the end, through failures of workers; what rank 0 returned.

    Ray Train resumes a run of the same name under the same path by itself: the name is the run's folder.
    """
    with cluster(num_cpus=recipe.training.num_workers + 1) as is_own:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        trainer = _Trainer(
            train_on_ray,
            train_loop_config=config,
            scaling_config=scaling_of(recipe.training, gpus=gpus, most=gpus if is_own and gpus else None),
            # What ranks agree about (losses of a window, notices) lies in the memory of processors.
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if gpus else "gloo"),
            run_config=RunConfig(
                name=RAY_FOLDER,
                **_stored_at(config["folder"]),
                failure_config=FailureConfig(max_failures=MAX_FAILURES),
                checkpoint_config=_kept(config),
                callbacks=[MlflowReporter(tracker, f"{config['folder']}/{RAY_FOLDER}"), *callbacks],
            ),
        )
        returned: Mapping[str, Any] = trainer.finished().return_value
    return returned


def scaling_of(training: TrainingConfig, *, gpus: int, most: int | None = None) -> ScalingConfig:
    """As many workers as the recipe says, or as few as it allows while machines are away; at most `most`."""
    workers = min(training.num_workers, most or training.num_workers)
    least = min(training.min_workers or workers, workers)
    return ScalingConfig(
        num_workers=workers if least == workers else (least, workers),
        use_gpu=gpus > 0,
        elastic_resize_monitor_interval_s=RESIZE_SECONDS,
    )


class _Trainer(TorchTrainer):  # type: ignore[misc]
    """Ends with the process: Ctrl-C and a stop by Dagster are raised here, and take the workers along.

    Ray's own handler would end the process as if the run had succeeded, and stay in place after it.
    """

    controller: Any = None

    def _register_sigint_handler(self, controller: Any) -> None:
        self.controller = controller

    def finished(self) -> Result:
        """Of the run to its end; an error that a user can mend comes as it was raised in the worker."""
        try:
            return self.fit()
        except WorkerGroupError as error:
            for failure in error.worker_failures.values():
                if isinstance(failure, CorpusError):
                    raise failure from None
            raise
        except BaseException:
            if self.controller is not None:
                with suppress(Exception):
                    ray.kill(self.controller)
            raise


def _stored_at(folder: str) -> dict[str, Any]:
    """Checkpoints go where our own files go, by the same library and the same settings of the environment."""
    if is_local(folder):
        return {"storage_path": folder}
    filesystem, path = filesystem_of(folder)
    handler: Any = FSSpecHandler  # the stubs hold it for abstract
    return {"storage_path": path, "storage_filesystem": PyFileSystem(handler(filesystem))}


def _kept(config: Mapping[str, Any]) -> CheckpointConfig:
    """The newest, which Ray Train never drops, and the best."""
    if not config["validates"]:
        return CheckpointConfig(num_to_keep=KEPT)
    return CheckpointConfig(num_to_keep=KEPT, checkpoint_score_attribute=VALIDATION_LOSS, checkpoint_score_order="min")


@contextmanager
def cluster(*, num_cpus: int) -> Iterator[bool]:
    """Join the cluster of RAY_ADDRESS, or start one here and stop it; whether it was started here."""
    if ray.is_initialized():
        yield False
        return
    address = os.environ.get("RAY_ADDRESS")
    local: dict[str, Any] = {} if address else {"num_cpus": num_cpus, "include_dashboard": False}
    for name, value in WORKER_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # "local", or somebody else's cluster on this machine would be joined.
    ray.init(
        address=address or "local", log_to_driver=False, logging_level=logging.ERROR, configure_logging=True, **local
    )
    try:
        yield not address
    finally:
        ray.shutdown()
