"""Explanations in a report: one answer that was right and one that was wrong, as pictures."""

import numpy as np
import torch
from numpy.typing import NDArray

from mmmodels.evaluation.explaining import LabelScorer, explain
from mmmodels.evaluation.explaining_picture import explanation_png
from mmmodels.preparing import Prepared
from mmmodels.tasks.classifier import Classifier


def explained_samples(
    classifier: Classifier,
    data: Prepared,
    entries: dict[str, NDArray[np.int64]],
    truth: NDArray[np.int64],
    guess: NDArray[np.int64],
) -> dict[str, bytes]:
    """`explained_right` and `explained_wrong`: PNGs about the first such question, of the label that was guessed."""
    found = {}
    for name, chosen in (("right", guess == truth), ("wrong", guess != truth)):
        if chosen.any():
            place = int(np.flatnonzero(chosen)[0])
            title = f"{name}: true {classifier.labels[truth[place]]!r}"
            found[f"explained_{name}"] = _picture(
                classifier, data, {modality: rows[place : place + 1] for modality, rows in entries.items()}, title
            )
    return found


def _picture(classifier: Classifier, data: Prepared, entry: dict[str, NDArray[np.int64]], title: str) -> bytes:
    """Of one question: modality -> (1, 2) row and text number."""
    media = {}
    for modality, one in entry.items():
        array, there = data.inputs_or_blanks(modality, one)
        if there[0]:
            media[modality] = torch.from_numpy(array)
    text = data.distinct.some(entry["text"][:, 1])[0] if "text" in media else ""
    scorer = LabelScorer(classifier, media)
    return explanation_png(explain(scorer, media, text=text), title=f"{title} {text}".rstrip())
