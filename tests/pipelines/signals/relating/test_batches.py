import numpy as np
import pytest

from pipelines.errors import SignalError
from pipelines.signals.alignment import score_alignment
from pipelines.signals.files import read_signals
from pipelines.signals.relating.arrays import unit
from pipelines.signals.relating.batches import Batches, neg_clip_loss, relate_batches
from tests.pipelines.signals.encoders import HashingEncoder


def vectors(num: int, seed: int, dim: int = 16) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((num, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def published(images: np.ndarray, texts: np.ndarray, temperature: float) -> np.ndarray:
    """Minus the temperature times the CLIP loss of each pair, in one batch."""
    logits = (images.astype(np.float64) @ texts.T) / temperature
    by_image = np.diag(logits) - np.log(np.exp(logits).sum(axis=1))
    by_text = np.diag(logits) - np.log(np.exp(logits).sum(axis=0))
    return temperature * (by_image + by_text) / 2


@pytest.mark.parametrize("temperature", [0.01, 0.07, 1.0])
def test_in_one_batch_it_is_the_negative_clip_loss(temperature):
    images, texts = vectors(1300, 1), vectors(1300, 2)  # more than two blocks of rows
    found = neg_clip_loss(images, texts, np.arange(1300), Batches(embeddings="", temperature=temperature))
    assert np.allclose(found, published(images, texts, temperature), atol=2e-5)


def test_over_many_divisions_it_is_their_mean():
    images, texts = vectors(60, 3), vectors(60, 4)
    batches = Batches(embeddings="", batch_size=25, num_divisions=4, temperature=0.1, seed=5)
    expected = np.zeros(60)
    for number in range(4):
        order = np.random.default_rng([5, number]).permutation(60)
        for part in np.array_split(order, 3):
            expected[part] += published(images[part], texts[part], 0.1) / 4
    assert np.allclose(neg_clip_loss(images, texts, np.arange(60), batches), expected, atol=1e-5)


def test_a_text_that_fits_every_image_loses_what_the_cosine_gave_it():
    texts = vectors(40, 6)
    common = vectors(1, 9)[0]
    images = unit(texts + common)  # every image shows what one text says
    texts[0] = common
    cosines = np.einsum("nd,nd->n", images, texts)
    found = neg_clip_loss(images, texts, np.arange(40), Batches(embeddings=""))
    assert (cosines < cosines[0]).mean() > 0.3
    assert found.argmin() == 0


def test_samples_of_one_group_are_no_negatives_of_each_other():
    images, texts = vectors(30, 7), vectors(30, 8)
    batches = Batches(embeddings="", temperature=0.1)
    single = neg_clip_loss(images, texts, np.arange(30), batches)
    twice = neg_clip_loss(np.vstack([images, images]), np.vstack([texts, texts]), np.tile(np.arange(30), 2), batches)
    logits = np.exp((images @ texts.T) / 0.1)
    others = 2 * (logits.sum(axis=1) - np.diag(logits)) + np.diag(logits), 2 * (logits.sum(axis=0) - np.diag(logits))
    expected = np.diag(images @ texts.T) - 0.05 * (np.log(others[0]) + np.log(others[1] + np.diag(logits)))
    assert np.allclose(twice[:30], expected, atol=1e-5)
    assert np.allclose(twice[:30], twice[30:], atol=1e-6)
    assert not np.allclose(single, twice[:30])


def test_a_snapshot_is_divided_once_and_a_sample_without_both_sides_is_null(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    scored = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    batches = Batches(embeddings=scored.embeddings)
    first, again = relate_batches(layout, snapshot, batches), relate_batches(layout, snapshot, batches)
    assert (first.num_shards_measured, again.num_shards_measured) == (3, 0)
    assert first.digest == again.digest
    table = read_signals(layout, snapshot, [first.key, scored.key])
    values, scores = table["neg_clip_loss"].to_numpy(), table["image_text_score"].to_numpy()
    assert np.array_equal(np.isnan(values), np.isnan(scores))
    assert np.isfinite(values).any()
    assert (values[np.isfinite(values)] <= 1e-6).all()  # the negative of a loss


@pytest.mark.parametrize("wrong", [{"batch_size": 1}, {"num_divisions": 0}, {"temperature": 0.0}])
def test_settings_that_divide_nothing_are_refused(wrong):
    with pytest.raises(SignalError, match="expected 2 or more"):
        Batches(embeddings="embeddings@0", **wrong)
