"""Whether what is trained on is also what is asked: inside one view by its splits, and against evaluation sets."""

from pipelines.curation.contamination.checking import check_contamination
from pipelines.curation.contamination.declaring import EvaluationSet, declared_sets, evaluation_sets_for
from pipelines.curation.contamination.finding import (
    ContaminationReport,
    Hit,
    contamination_inputs,
    find_contamination,
)
from pipelines.curation.contamination.leakage import LEAK_DISTANCE, Leak, check_leakage, near_held_out
from pipelines.curation.contamination.thresholds import Thresholds, read_thresholds

__all__ = [
    "LEAK_DISTANCE",
    "ContaminationReport",
    "EvaluationSet",
    "Hit",
    "Leak",
    "Thresholds",
    "check_contamination",
    "check_leakage",
    "contamination_inputs",
    "declared_sets",
    "evaluation_sets_for",
    "find_contamination",
    "near_held_out",
    "read_thresholds",
]
