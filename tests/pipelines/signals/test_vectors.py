from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import SignalError
from pipelines.samples import Modality
from pipelines.shards.reading import read_shard
from pipelines.signals.alignment import score_alignment
from pipelines.signals.vectors import iterate_vectors, read_vectors
from tests.pipelines.signals.encoders import HashingEncoder


@pytest.fixture
def scored(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder()
    return layout, snapshot, encoder, score_alignment(layout, snapshot, encoder, trained_on=frozenset()).embeddings


def test_vectors_come_back_as_half_floats_mapped_from_disk_in_source_order(scored):
    layout, snapshot, encoder, key = scored
    uids, vectors = read_vectors(layout, snapshot, key, Modality.AUDIO)
    samples = [sample for shard in range(3) for sample in read_shard(layout, snapshot, shard)]
    assert uids.to_pylist() == [sample.uid for sample in samples]
    assert isinstance(vectors, np.memmap)
    assert vectors.dtype == np.float16
    assert np.array_equal(vectors, np.stack([encoder.vector(sample.audio) for sample in samples]).astype(np.float16))


def test_the_mapped_array_leaves_no_file_behind(scored):
    layout, snapshot, _, key = scored
    _, vectors = read_vectors(layout, snapshot, key, Modality.IMAGE)
    assert list(Path(layout.cache("vectors")).iterdir()) == []
    assert vectors.sum() != 0


def test_a_shard_at_a_time_gives_the_same(scored):
    layout, snapshot, _, key = scored
    parts = list(iterate_vectors(layout, snapshot, key, Modality.TEXT))
    uids, vectors = read_vectors(layout, snapshot, key, Modality.TEXT)
    assert len(parts) == 3
    assert [uid for names, _ in parts for uid in names.to_pylist()] == uids.to_pylist()
    assert np.array_equal(np.concatenate([part for _, part in parts]), vectors)


def test_samples_without_the_modality_are_left_out(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder(modalities=(Modality.TEXT,))
    key = score_alignment(layout, snapshot, encoder, trained_on=frozenset()).embeddings
    uids, vectors = read_vectors(layout, snapshot, key, Modality.IMAGE)
    assert (len(uids), vectors.shape) == (0, (0, 16))
    assert read_vectors(layout, snapshot, key, Modality.TEXT)[1].shape == (12, 16)


def test_vectors_that_nobody_made_are_named(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    with pytest.raises(SignalError, match=r"embeddings@abc.*no vectors of this model. Run: python -m mmmodels score"):
        read_vectors(layout, snapshot, "embeddings@abc", Modality.IMAGE)
