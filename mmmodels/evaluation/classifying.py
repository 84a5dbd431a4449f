"""The classifier's evaluation on concepts that training never saw, with each modality alone and all together."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmmodels.evaluation.intervals import mean_interval
from mmmodels.preparing import Prepared
from mmmodels.tasks.classification import FUSED, Classifier, fused_inputs, load_classifier, present_in
from pipelines.curation.splits import Split

BATCH = 256
SUBSETS = ((FUSED), ("image",), ("text",), ("audio",))


PROTOCOL = {
    "version": 2,
    "questions": "samples of held-out concepts whose label training has seen",
    "intervals": "95 % bootstrap over concepts, 1000 resamples",
}


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The suite `classification`: see `evaluate_labels`."""
    details, queries = evaluate_labels(load_classifier(bundle_uri), data)
    return {"metrics": {}} | details, queries


def evaluate_labels(classifier: Classifier, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Accuracy and macro-F1 with intervals per subset of modalities, a report per class, the confusion matrix."""
    known = {label: number for number, label in enumerate(classifier.labels)}
    labels = data.column("label")
    usable = np.array([label in known for label in labels], dtype=bool)
    rows = np.flatnonzero(data.in_split(Split.HELD_OUT_CONCEPT) & usable)
    if not len(rows):
        return {}, []
    truth = np.array([known[labels[row]] for row in rows])
    metrics: dict[str, Any] = {}
    confusion = np.zeros((len(known), len(known)), dtype=np.int64)
    hits = np.zeros(0)
    for subset in SUBSETS:
        guess, answerable = _predict(classifier, data, rows, subset)
        if not answerable.any():
            continue
        name = "all" if subset == FUSED else subset[0]
        subset_rows, subset_truth, subset_guess = rows[answerable], truth[answerable], guess[answerable]
        correct = (subset_guess == subset_truth).astype(np.float64)
        metrics |= _metrics(name, correct, subset_truth, subset_guess, data.groups[subset_rows])
        if subset == FUSED:
            hits = correct
            np.add.at(confusion, (subset_truth, subset_guess), 1)
    details = {
        "metrics": metrics,
        "per_class": _per_class(confusion, classifier.labels),
        "confusion": confusion.tolist(),
        "labels": classifier.labels,
        "num_unknown_labels": int((data.in_split(Split.HELD_OUT_CONCEPT) & ~usable).sum()),
    }
    uids, groups = data.column("uid"), data.column("group")
    queries = [
        {"metric": "all/accuracy", "uid": uids[row], "group": groups[row], "hit": hit}
        for row, hit in zip(rows, hits, strict=True)
    ]
    return details, queries


def _predict(
    classifier: Classifier, data: Prepared, rows: NDArray[np.int64], subset: tuple[str, ...]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    guesses, answerable = [], []
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        inputs = fused_inputs(data, np.stack([part, data.captions[part]], axis=1))
        present = present_in(inputs, modalities=subset)
        with torch.inference_mode():
            logits = classifier.model.logits(inputs, present)
        guesses.append(logits.argmax(dim=1).numpy())
        answerable.append(torch.stack(list(present.values())).any(dim=0).numpy())
    return np.concatenate(guesses), np.concatenate(answerable)


def _metrics(
    name: str,
    correct: NDArray[np.float64],
    truth: NDArray[np.int64],
    guess: NDArray[np.int64],
    clusters: NDArray[np.int64],
) -> dict[str, Any]:
    low, high = mean_interval(correct, clusters=clusters)
    counts = np.bincount(truth)
    majority = float(counts.max() / counts.sum())
    size = {"n": len(correct), "num_candidates": int((counts > 0).sum())}
    accuracy = {"value": float(correct.mean()), "low": low, "high": high, "chance": majority} | size
    present = np.flatnonzero(counts)
    scores = [_f1(truth == label, guess == label) for label in present]
    macro = float(np.mean(scores))
    return {
        f"{name}/accuracy": accuracy,
        f"{name}/macro_f1": {"value": macro, "low": macro, "high": macro, "chance": 1 / len(present)} | size,
    }


def _f1(truth: NDArray[np.bool_], guess: NDArray[np.bool_]) -> float:
    both = int((truth & guess).sum())
    return 2 * both / max(1, int(truth.sum() + guess.sum()))


def _per_class(confusion: NDArray[np.int64], labels: list[str]) -> list[dict[str, Any]]:
    rows = []
    for number, label in enumerate(labels):
        right, support, guessed = confusion[number, number], confusion[number].sum(), confusion[:, number].sum()
        precision, recall = right / max(1, guessed), right / max(1, support)
        f1 = 2 * right / max(1, guessed + support)
        rows.append({"label": label, "precision": precision, "recall": recall, "f1": f1, "support": int(support)})
    return [
        {key: float(value) if isinstance(value, np.floating) else value for key, value in row.items()} for row in rows
    ]
