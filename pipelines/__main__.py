"""The data verbs: python -m pipelines VERB --help."""

import sys
from collections.abc import Sequence

from pipelines.verbs import run_verb

VERBS: dict[str, tuple[str, str]] = {
    "pack": ("pipelines.shards.command", "records into shards"),
    "verify": ("pipelines.shards.verify_command", "every shard against its index and digest"),
    "find": ("pipelines.shards.find_command", "where a record is, and who else has the same content"),
    "measure": ("pipelines.signals.command", "signals, only what is missing"),
    "relate": (
        "pipelines.curation.relate_command",
        "signals against a list, centroids, target images or random batches, only what is missing",
    ),
    "curate": ("pipelines.curation.command", "a policy over a snapshot: a verdict for every sample, a view"),
    "evaluation-sets": ("pipelines.curation.contamination.command", "views that nothing may be trained on"),
    "views": ("pipelines.curation.views_command", "what is stored, and what each name stands for"),
    "diff": ("pipelines.curation.diff_command", "what changed between two views, and why"),
    "restore": ("pipelines.curation.restore_command", "an old digest of a view is the current one again"),
    "forget": ("pipelines.curation.forgetting.command", "samples out of every view at once; what they were part of"),
    "export": ("pipelines.exporting.command", "a snapshot or a view as foreign readers want it"),
    "show": ("pipelines.reporting.command", "the data card of a view as one HTML file"),
}
"""Verb -> (module with `add_arguments(parser)` and `run(args)`, what it does); only the chosen one is imported."""

_ERASING = ("pipelines.curation.erase_command", "forgotten samples out of the shards")
"""`pack --erase` needs what lies above packing: the tombstones, and the signals of the samples."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    is_erasing = given[:1] == ["pack"] and "--erase" in given
    return run_verb("pipelines", {**VERBS, "pack": _ERASING} if is_erasing else VERBS, arguments)


if __name__ == "__main__":
    sys.exit(main())
