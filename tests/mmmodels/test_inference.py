"""Vectors must not hang on their batch: not on its size, its order, nor on what else is in it."""

import numpy as np
import pytest
import torch

from mmmodels.alignment.bundle import load_aligner
from mmmodels.encoders.aligner import towers_of
from mmmodels.inference import MIN_BF16_COSINE, Tower, TowerEncoder, find_device
from pipelines.errors import SampleError
from pipelines.samples import Modality
from tests.conftest import flac, png
from tests.mmmodels.small import save_random_aligner

CPU = torch.device("cpu")
WORDS = ("red", "circle", "a blue square", "мост", "猫", "the very long name of a thing that has no end", "x")
MEMBERS = {
    Modality.IMAGE: [png(seed, size=40 + seed) for seed in range(11)],
    Modality.TEXT: [f"{word} {number}" for number in range(5) for word in WORDS],
    Modality.AUDIO: [flac(seed, seconds=0.1 + 0.05 * seed) for seed in range(9)],
}


@pytest.fixture(scope="module")
def aligner(tmp_path_factory):
    return load_aligner(save_random_aligner(tmp_path_factory.mktemp("random") / "bundle"))


def encoder_of(aligner, precision="fp32", num_threads=1):
    towers = towers_of(aligner, CPU)
    return TowerEncoder(towers, embed_dim=128, device=CPU, precision=precision, num_threads=num_threads)


@pytest.mark.parametrize("modality", Modality)
def test_order_and_neighbours_do_not_change_a_bit(modality, aligner):
    encoder, members = encoder_of(aligner), MEMBERS[modality]
    together = encoder.embed(modality, members)
    order = np.random.default_rng(0).permutation(len(members))
    assert np.array_equal(encoder.embed(modality, [members[place] for place in order]), together[order])
    alone = np.concatenate([encoder.embed(modality, [member]) for member in members])
    assert np.array_equal(alone, together)


@pytest.mark.parametrize("modality", Modality)
def test_another_batch_size_moves_a_vector_by_less_than_it_is_stored_with(modality, aligner):
    one, other = encoder_of(aligner), encoder_of(aligner)
    other.batch_sizes[modality] = 3
    vectors = [encoder.embed(modality, MEMBERS[modality]) for encoder in (one, other)]
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-5


@pytest.mark.parametrize("modality", Modality)
def test_vectors_are_those_of_the_model_itself(modality, aligner):
    embed = {"image": aligner.embed_images, "text": aligner.embed_texts, "audio": aligner.embed_audio}[str(modality)]
    vectors = encoder_of(aligner).embed(modality, MEMBERS[modality])
    assert np.abs(vectors - embed(MEMBERS[modality])).max() < 1e-5
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_bf16_stays_within_its_bound(aligner):
    whole, half = encoder_of(aligner), encoder_of(aligner, "bf16")
    assert half.precision == "bf16"
    for modality, members in MEMBERS.items():
        cosines = (whole.embed(modality, members) * half.embed(modality, members)).sum(axis=1)
        assert cosines.min() > MIN_BF16_COSINE
        assert cosines.min() < 1 - 1e-7, "it was not bf16"


def test_a_model_that_bf16_would_move_too_far_is_run_in_fp32():
    def unstable(batch):
        """The difference of two nearly equal products: bf16 keeps nothing of it."""
        weights = torch.eye(8) * 1000
        return batch @ weights - 999.9 * batch + torch.randn(8, generator=torch.Generator().manual_seed(1)) * 0.01

    tower = Tower(prepare=lambda seed: torch.linspace(0.1, 1 + seed, 8), forward=unstable, probe=1)
    encoder = TowerEncoder({Modality.TEXT: tower}, embed_dim=8, device=CPU, precision="bf16")
    assert encoder.bf16_cosine() < MIN_BF16_COSINE
    assert encoder.precision == "fp32"


def test_threads_decode_ahead_in_order(aligner):
    members = MEMBERS[Modality.IMAGE] * 8
    alone = encoder_of(aligner).embed(Modality.IMAGE, members)
    assert np.array_equal(encoder_of(aligner, num_threads=4).embed(Modality.IMAGE, members), alone)


@pytest.mark.parametrize("num_threads", [1, 3])
def test_a_member_that_does_not_decode_is_a_sample_error(num_threads, aligner):
    with pytest.raises(SampleError, match="image of 5 bytes"):
        encoder_of(aligner, num_threads=num_threads).embed(Modality.IMAGE, [png(1), b"wrong", png(2)])


def test_the_number_of_torch_threads_is_as_it_was(aligner):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        encoder_of(aligner).embed(Modality.TEXT, ["red"])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_device_goes_by_name():
    assert find_device("cpu") == CPU
    assert find_device("auto").type in ("cpu", "cuda")


@pytest.mark.gpu
def test_an_accelerator_gives_the_vectors_of_the_processor(aligner):
    here = encoder_of(aligner)
    device = torch.device("cuda")
    there = TowerEncoder(towers_of(aligner, device), embed_dim=128, device=device, precision="auto", num_threads=2)
    assert there.precision == "bf16"
    for modality, members in MEMBERS.items():
        assert (here.embed(modality, members) * there.embed(modality, members)).sum(axis=1).min() > MIN_BF16_COSINE
