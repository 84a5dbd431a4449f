"""The jobs a person or a schedule starts, each for one partition: a corpus at one moment."""

import dagster as dg

from assets.alignment import aligned_view, alignment_signals
from assets.curation import curated_view, declared_view
from assets.finetuning import evaluation_report, finetuned_model
from assets.registry import champion_aligner

# Every step is a function call of this process: starting a process per step would cost more than most steps.
journey = dg.define_asset_job(
    "journey",
    # What is left out has other partitions.
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(declared_view, finetuned_model, evaluation_report),
    executor_def=dg.in_process_executor,
    description="The whole way: from source records to a promoted model, and back to alignment of the data.",
)
ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets(curated_view).upstream(),
    executor_def=dg.in_process_executor,
    description="From source records to a curated view, ready to train on.",
)
rescoring = dg.define_asset_job(
    "rescoring",
    selection=dg.AssetSelection.assets(champion_aligner, alignment_signals, aligned_view),
    executor_def=dg.in_process_executor,
    description="Alignment scores, and the view made from them, by today's champion.",
)

JOBS = [journey, ingest, rescoring]
