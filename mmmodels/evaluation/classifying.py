"""The classifier's evaluation on concepts that training never saw, with every subset of its modalities."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmmodels.evaluation.classified import confusion_matrix, label_metrics, per_class
from mmmodels.evaluation.confusion_picture import confusion_png
from mmmodels.evaluation.explained_samples import explained_samples
from mmmodels.preparing import Prepared
from mmmodels.tasks.classifier import Classifier, load_classifier
from mmmodels.tasks.composing import Composer
from mmmodels.tasks.fusion_model import marked, present_in
from mmmodels.tasks.labelling import AGREEMENT, labels_of
from pipelines.curation.splits import Split

BATCH = 256
PRIMARY = "all/accuracy"
"""The metric whose answers are compared between groups."""
PROTOCOL = {
    "version": 3,
    "questions": "samples of held-out concepts whose label training has seen; agreement: each sample with every label",
    "subsets": "every subset of the modalities; of a subset only samples that have one of it",
    "intervals": "95 % bootstrap over concepts, 1000 resamples",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """What is asked of a classifier; every row of the arrays is one question."""

    entries: dict[str, NDArray[np.int64]]
    """Modality -> (n, 2): row and text number that it is taken from."""
    truth: NDArray[np.int64]
    uids: list[str]
    rows: NDArray[np.int64]
    """(n,): the sample that it is about."""
    num_unknown_labels: int


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The suite `classification`: see `evaluate_labels`."""
    return evaluate_labels(load_classifier(bundle_uri), data)


def evaluate_labels(classifier: Classifier, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Accuracy and macro-F1 with intervals per subset of modalities, a report per class, the confusion matrix."""
    asked = questions_of(classifier, data)
    if not len(asked.truth):
        return {"metrics": {}}, []
    num_labels, clusters = len(classifier.labels), data.groups[asked.rows]
    metrics: dict[str, Any] = {}
    queries: list[dict[str, Any]] = []
    counts_LL = np.zeros((num_labels, num_labels), dtype=np.int64)
    pictures: dict[str, bytes] = {}
    groups = data.column("group")
    for subset, (guess, there) in answers(classifier, data, asked, subsets_of(classifier)).items():
        if not there.any():
            continue
        name = "all" if subset == classifier.model.modalities else "+".join(subset)
        truth = asked.truth[there]
        found = label_metrics(truth, guess[there], clusters=clusters[there], num_labels=num_labels)
        metrics |= {f"{name}/{metric}": values for metric, values in found.items()}
        if name == "all":
            counts_LL = confusion_matrix(truth, guess[there], num_labels=num_labels)
            pictures = explained_samples(classifier, data, asked.entries, asked.truth, guess)
            queries = [
                {"metric": "all/accuracy", "uid": asked.uids[place], "group": groups[row], "hit": float(hit)}
                for place, row, hit in zip(
                    np.flatnonzero(there).tolist(), asked.rows[there].tolist(), guess[there] == truth, strict=True
                )
            ]
    accuracy = metrics["all/accuracy"]
    title = f"{accuracy['n']} samples of held-out concepts, accuracy {accuracy['value']:.3f}"
    details = {
        "metrics": metrics,
        "per_class": per_class(counts_LL, classifier.labels),
        "confusion": counts_LL.tolist(),
        "labels": classifier.labels,
        "num_unknown_labels": asked.num_unknown_labels,
        "pictures": pictures | {"confusion": confusion_png(counts_LL, classifier.labels, title=title)},
    }
    return details, queries


def subsets_of(classifier: Classifier) -> list[tuple[str, ...]]:
    """Every subset of the model's modalities, the largest first."""
    names = classifier.model.modalities
    return [subset for size in range(len(names), 0, -1) for subset in combinations(names, size)]


def questions_of(classifier: Classifier, data: Prepared) -> Questions:
    """Held-out samples with a label that training has seen; composed ones, each with every label."""
    held_out, modalities = data.in_split(Split.HELD_OUT_CONCEPT), classifier.model.modalities
    if classifier.recipe.fusion.labels == AGREEMENT:
        return _composed_questions(Composer(data, held_out, modalities=modalities), classifier.labels)
    numbers = {label: number for number, label in enumerate(classifier.labels)}
    labels = labels_of(data, classifier.recipe.fusion.labels)
    looks = np.logical_or.reduce([data.has(name) for name in modalities])
    usable = held_out & looks & np.isin(labels.astype(str), classifier.labels)
    rows = np.flatnonzero(usable)
    uids = data.column("uid")
    return Questions(
        entries=dict.fromkeys(modalities, np.stack([rows, data.captions[rows]], axis=1)),
        truth=np.array([numbers[label] for label in labels[rows]], dtype=np.int64),
        uids=[uids[row] for row in rows],
        rows=rows,
        num_unknown_labels=int((held_out & (labels != "") & ~usable).sum()),
    )


def _composed_questions(composer: Composer, labels: list[str]) -> Questions:
    usable = np.flatnonzero(composer.usable)
    rows, truth = np.repeat(usable, len(labels)), np.tile(np.arange(len(labels)), len(usable))
    composed = composer.labelled(rows, truth, truth)
    uids = composer.data.column("uid")
    names = [f"{uids[row]} {labels[label]}" for row, label in zip(rows.tolist(), truth.tolist(), strict=True)]
    return Questions(entries=composed.entries, truth=truth, uids=names, rows=rows, num_unknown_labels=0)


def answers(
    classifier: Classifier, data: Prepared, asked: Questions, subsets: list[tuple[str, ...]]
) -> dict[tuple[str, ...], tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Of every subset: guesses (n,), and (n,) whether the sample has one of its modalities."""
    guesses: dict[tuple[str, ...], list[Tensor]] = {subset: [] for subset in subsets}
    theres: dict[tuple[str, ...], list[Tensor]] = {subset: [] for subset in subsets}
    for start in range(0, len(asked.truth), BATCH):
        inputs = question_inputs(data, asked, slice(start, start + BATCH))
        with torch.inference_mode():
            seen = classifier.model.seen(inputs)
            for subset in subsets:
                present = present_in(inputs, modalities=subset)
                guesses[subset].append(classifier.model.fuse(seen, present).argmax(dim=1))
                theres[subset].append(torch.stack(list(present.values())).any(dim=0))
    return {subset: (torch.cat(guesses[subset]).numpy(), torch.cat(theres[subset]).numpy()) for subset in subsets}


def question_inputs(data: Prepared, asked: Questions, part: slice) -> dict[str, Tensor]:
    """Tensors of the modalities and `has_<modality>` (B,)."""
    media, there = {}, {}
    for name, entries in asked.entries.items():
        media[name], there[name] = data.inputs_or_blanks(name, entries[part])
    return marked(media, there)
