"""Centroids and targets: what images are to vectors of a user's own."""

import numpy as np
import pytest

from pipelines.errors import SignalError
from pipelines.samples import Modality
from pipelines.signals.alignment import score_alignment
from pipelines.signals.files import read_signals
from pipelines.signals.relating import arrays
from pipelines.signals.relating.centroids import centroids_relation, nearest, target_centroids
from pipelines.signals.relating.relations import relate
from pipelines.signals.relating.targets import norm_sims, targets_relation
from pipelines.signals.vectors import read_vectors
from tests.pipelines.signals.encoders import HashingEncoder


def vectors(num: int, seed: int, dim: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((num, dim)).astype(np.float32)


def saved(path, array) -> str:
    np.save(path, array)
    return str(path)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(arrays, "_BLOCK_VALUES", 16 * 7)


@pytest.mark.usefixtures("small_blocks")
def test_the_nearest_centroid_has_the_largest_dot_product_and_is_the_first_of_equals():
    rows, centroids = vectors(50, 1), np.vstack([vectors(30, 2), vectors(30, 2)])
    position, similarity = nearest(rows, centroids)
    assert np.array_equal(position, (rows @ centroids.T).argmax(axis=1))
    assert np.allclose(similarity, (rows @ centroids.T).max(axis=1))
    assert position.max() < 30


@pytest.mark.usefixtures("small_blocks")
def test_norm_sim_is_the_norm_of_the_cosines_with_all_targets():
    rows, targets = vectors(40, 3), vectors(33, 4)
    cosines = (rows / np.linalg.norm(rows, axis=1)[:, None]) @ (targets / np.linalg.norm(targets, axis=1)[:, None]).T
    two, infinity = norm_sims(rows, targets)
    assert np.allclose(two, np.linalg.norm(cosines, ord=2, axis=1), rtol=1e-5)
    assert np.allclose(infinity, np.linalg.norm(cosines, ord=np.inf, axis=1), rtol=1e-5)


def test_targets_are_vectors_or_the_positions_of_their_centroids(tmp_path):
    targets, centroids = vectors(20, 5), saved(tmp_path / "centroids.npy", vectors(9, 6))
    as_vectors = target_centroids(saved(tmp_path / "vectors.npy", targets), centroids)
    assert np.array_equal(as_vectors, np.unique((targets @ vectors(9, 6).T).argmax(axis=1)))
    as_positions = target_centroids(saved(tmp_path / "positions.npy", as_vectors), centroids)
    assert np.array_equal(as_positions, as_vectors)


def test_a_snapshot_is_related_to_centroids_and_targets(tiny_snapshot, tmp_path):
    layout, snapshot = tiny_snapshot
    scored = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    centroids, targets = vectors(5, 7), vectors(2, 8)
    files = saved(tmp_path / "centroids.npy", centroids), saved(tmp_path / "targets.npy", targets)
    keys = [
        relate(layout, snapshot, relation).key
        for relation in (centroids_relation(scored.embeddings, *files), targets_relation(scored.embeddings, files[1]))
    ]
    table = read_signals(layout, snapshot, keys)
    uids, images = read_vectors(layout, snapshot, scored.embeddings, Modality.IMAGE)
    rows = {uid: row for row, uid in enumerate(uids.to_pylist())}
    hit = set((targets @ centroids.T).argmax(axis=1).tolist())
    for row in table.to_pylist():
        expected = (
            int((images[rows[row["uid"]]].astype(np.float32) @ centroids.T).argmax()) if row["uid"] in rows else None
        )
        assert row["image_centroid"] == expected
        assert row["is_target_centroid"] == (None if expected is None else expected in hit)
        assert (row["norm_sim_inf"] is None) == (expected is None)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([{"a": 1}], dtype=object), "Python objects"),
        (np.zeros((3, 4, 5)), "expected vectors"),
        (np.zeros((0, 4)), "expected vectors"),
    ],
)
def test_an_array_that_is_none_is_refused_and_nothing_is_unpickled(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(SignalError, match=message):
        arrays.open_array(str(tmp_path / "a.npy"))


def test_vectors_of_another_model_are_refused(tmp_path):
    path = saved(tmp_path / "a.npy", vectors(3, 9, dim=8))
    with pytest.raises(SignalError, match="vectors of 8 numbers, those of the samples have 16"):
        arrays.open_array(path, embed_dim=16)
