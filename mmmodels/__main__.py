"""The model verbs: python -m mmmodels VERB --help."""

import sys

from pipelines.verbs import run_verb

VERBS: dict[str, tuple[str, str]] = {
    "plan": ("mmmodels.training.plan_command", "which samples a run reads, step by step, before it runs"),
    "train": ("mmmodels.training.command", "a recipe over a view: Ray Train, tracked, resumable"),
    "tune": (
        "mmmodels.searching.command",
        "settings of a recipe: many runs, the bad ones stopped early (Ray Tune, ASHA)",
    ),
    "evaluate": ("mmmodels.evaluation.command", "a bundle on what a view holds out, with intervals"),
    "score": ("mmmodels.scoring.command", "vectors and alignment signals of snapshots by a model"),
    "labels": ("mmmodels.tasks.labels_command", "a label file into the root, for a classifier of its labels"),
    "embed": ("mmmodels.tasks.command", "vectors of an image, a text, a clip, and their scores"),
    "predict": ("mmmodels.tasks.command", "labels of a sample by a classifier"),
    "explain": ("mmmodels.evaluation.explain_command", "why a model says what it says of a sample, as a picture"),
    "promote": ("mmmodels.registry.command", "the gate, then the alias; or --rollback"),
    "lineage": ("mmmodels.registry.lineage_command", "every id of a version, every version of an id"),
}
"""Verb -> (module with `add_arguments(parser)` and `run(args)`, what it does); only the chosen one is imported."""


if __name__ == "__main__":
    sys.exit(run_verb("mmmodels", VERBS))
