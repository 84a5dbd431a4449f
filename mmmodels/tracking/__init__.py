"""Runs, metrics, dataset inputs and checkpoints in MLflow: the only writer during training.

Importing this package does not import mlflow. Every path into mlflow runs its whole `__init__`, pandas included: there
is no lighter import to choose, so it waits for the first client.
"""

from mmmodels.tracking.database import local_artifacts, local_tracking_uri, open_client
from mmmodels.tracking.datasets import DATASET_DIGEST_LENGTH, Dataset
from mmmodels.tracking.entries import METRICS_PER_BATCH, flatten
from mmmodels.tracking.locks import patient
from mmmodels.tracking.tracker import Tracker, find_run

__all__ = [
    "DATASET_DIGEST_LENGTH",
    "METRICS_PER_BATCH",
    "Dataset",
    "Tracker",
    "find_run",
    "flatten",
    "local_artifacts",
    "local_tracking_uri",
    "open_client",
    "patient",
]
