"""Composed samples: the label lies in how the modalities go together, and in none of them by itself."""

import numpy as np
import pytest

from mmmodels.errors import RecipeError
from mmmodels.tasks.composing import Composer, agreement_labels
from pipelines.curation.splits import Split

NAMES = ("image", "text", "audio")


@pytest.fixture
def composer(patterns_data):
    return Composer(patterns_data, patterns_data.in_split(Split.TRAIN), modalities=NAMES)


def every_label(composer):
    rows = np.flatnonzero(composer.usable)
    labels = np.tile(np.arange(4), len(rows))
    return np.repeat(rows, 4), labels, composer.labelled(np.repeat(rows, 4), labels, labels)


def test_only_the_modality_that_the_label_names_is_of_another_thing_in_the_same_language(composer):
    rows, labels, composed = every_label(composer)
    groups, languages = composer.data.groups, np.array(composer.data.column("language"))
    for number, name in enumerate(NAMES):
        taken = composed.entries[name][:, 0]
        is_other = groups[taken] != groups[rows]
        assert np.array_equal(is_other, labels == number + 1)
        assert (languages[taken] == languages[rows]).all()
        assert np.array_equal(composed.entries[name][:, 1], composer.data.captions[taken])


def test_stand_ins_never_cross_the_split(composer):
    _, _, composed = every_label(composer)
    train = composer.data.in_split(Split.TRAIN)
    assert all(train[entries[:, 0]].all() for entries in composed.entries.values())


def test_each_modality_by_itself_is_as_likely_under_every_label(composer):
    rows = np.repeat(np.flatnonzero(composer.usable), 200)
    composed = composer.composed(rows, np.arange(len(rows)))
    shares = np.bincount(composed.labels, minlength=4) / len(rows)
    assert np.abs(shares - 0.25).max() < 0.01
    groups = composer.data.groups
    for entries in composed.entries.values():
        counts = np.zeros((4, groups.max() + 1))
        np.add.at(counts, (composed.labels, groups[entries[:, 0]]), 1)
        seen = counts.sum(axis=0) > 0
        by_label = counts[:, seen] / counts[:, seen].sum(axis=0)
        assert np.abs(by_label - 0.25).max() < 0.12


def test_the_same_numbers_give_the_same_samples_and_others_others(composer):
    rows = np.flatnonzero(composer.usable)
    first, again, other = (composer.composed(rows, np.full(len(rows), number)) for number in (3, 3, 4))
    assert all(np.array_equal(first.entries[name], again.entries[name]) for name in NAMES)
    assert not np.array_equal(first.labels, other.labels)


def test_of_two_modalities_nobody_can_say_which_one_differs():
    assert agreement_labels(("image", "audio")) == ["agree", "differ"]
    assert agreement_labels(NAMES) == ["agree", "image differs", "text differs", "audio differs"]
    with pytest.raises(RecipeError, match="nothing to agree with"):
        agreement_labels(("text",))
