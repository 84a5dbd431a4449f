"""All of Dagster that Trivium defines; loaded by `workspace.yaml` and `dg`. Loads no torch, ray or mlflow."""

import os

import dagster as dg

from assets import alignment, curation, evaluation, finetuning, registry, shards, signals, sources, training
from assets.home import Home, quieten
from assets.jobs import JOBS
from assets.requirements import Requirements
from assets.resources import Compute, CorpusStore, Gate, Mlflow
from assets.schedules import SCHEDULES
from assets.sensors import champion_moved, views_declared
from assets.terminal import terminal

home = Home.of(os.environ)
quieten(os.environ)

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(
        [sources, shards, signals, curation, training, evaluation, finetuning, registry, alignment]
    ),
    asset_checks=dg.load_asset_checks_from_modules(
        [sources, shards, signals, curation, training, evaluation, finetuning, registry, alignment]
    ),
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=[champion_moved, views_declared],
    resources={
        "corpora": CorpusStore(
            root=os.environ.get("TRIVIUM_ROOT") or str(home.root),
            cache=str(home.cache),
            user_catalog=str(home.catalog),
            user_views=str(home.views),
        ),
        "mlflow": Mlflow(
            tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or home.tracking_uri,
            artifact_root=home.artifact_root,
            ui_url=os.environ.get("TRIVIUM_MLFLOW_UI") or "http://127.0.0.1:5000",
        ),
        "gate": Gate(),
        "requirements": Requirements(),
        "compute": Compute(
            num_workers=int(os.environ.get("TRIVIUM_WORKERS") or os.cpu_count() or 1),
            num_training_workers=int(os.environ.get("TRIVIUM_TRAINING_WORKERS") or 2),
        ),
    },
    loggers={"terminal": terminal},
)
