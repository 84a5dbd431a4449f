import numpy as np
import pytest

from pipelines.errors import SampleError, SignalError
from pipelines.samples import Modality
from pipelines.signals import encoding
from pipelines.signals.encoding import embed_members
from tests.pipelines.signals.encoders import HashingEncoder


class Choosy(HashingEncoder):
    def embed_images(self, images):
        if b"bad" in images:
            raise SampleError("image of 3 bytes: no picture. Give JPEG.")
        return super().embed_images(images)


def test_the_sample_whose_member_does_not_decode_is_named(monkeypatch):
    monkeypatch.setattr(encoding, "_CHUNK_MEMBERS", 2)
    members, uids = [b"one", b"two", b"three", b"bad"], ["a", "b", "c", "d"]
    with pytest.raises(SignalError, match=r"x\.tar: sample d: image of 3 bytes: no picture.*pipelines verify"):
        embed_members(Choosy(), Modality.IMAGE, members, uids=uids, tar="x.tar")


def test_chunks_are_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(encoding, "_CHUNK_BYTES", 10)
    encoder = HashingEncoder()
    vectors = embed_members(encoder, Modality.AUDIO, [b"x" * 6] * 5, uids=list("abcde"), tar="x.tar")
    assert encoder.batches == [2, 2, 1]
    assert (vectors.shape, vectors.dtype) == ((5, 16), np.float16)


def test_no_member_gives_no_vector():
    assert embed_members(HashingEncoder(), Modality.TEXT, [], uids=[], tar="x.tar").shape == (0, 16)
