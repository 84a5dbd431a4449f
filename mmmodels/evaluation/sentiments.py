"""The evaluation of sentiment: as of labels, beside a text-only logistic regression trained on the same samples."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.evaluation import classifying
from mmmodels.evaluation.classified import label_metrics
from mmmodels.preparing import Prepared
from mmmodels.tasks.classifier import Classifier, load_classifier
from mmmodels.tasks.labelling import labels_of
from pipelines.curation.splits import Split

PRIMARY = classifying.PRIMARY
PROTOCOL = classifying.PROTOCOL | {
    "baseline": "logistic regression (C=1, balanced classes) on tf-idf of words and of 1-4 letters, on captions"
}


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The suite `sentiment`: `evaluate_labels`, and `text_baseline/...` beside it."""
    classifier = load_classifier(bundle_uri)
    details, queries = classifying.evaluate_labels(classifier, data)
    details["metrics"] |= baseline_metrics(classifier, data)
    return details, queries


def baseline_metrics(classifier: Classifier, data: Prepared) -> dict[str, Any]:
    """What reading the caption alone reaches, on the same split: `text_baseline/accuracy` and `/macro_f1`."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    labels = labels_of(data, classifier.recipe.fusion.labels)
    known = np.isin(labels.astype(str), classifier.labels) & data.has("text")
    captions = np.array([caption or "" for caption in data.column("caption")], dtype=object)
    train = np.flatnonzero(data.in_split(Split.TRAIN) & known)
    test = np.flatnonzero(data.in_split(Split.HELD_OUT_CONCEPT) & known)
    if not len(train) or not len(test):
        return {}
    # Words where they are whole, letters where a language inflects or has no spaces.
    features = make_union(TfidfVectorizer(), TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)))
    model = make_pipeline(features, LogisticRegression(max_iter=1000, class_weight="balanced"))
    model.fit(captions[train], labels[train].astype(str))
    guess: NDArray[Any] = model.predict(captions[test])
    numbers = {label: number for number, label in enumerate(classifier.labels)}
    truth, guessed = (np.array([numbers[str(label)] for label in part]) for part in (labels[test], guess))
    found = label_metrics(truth, guessed, clusters=data.groups[test], num_labels=len(numbers))
    return {f"text_baseline/{name}": values for name, values in found.items()}
