import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.curation.duplicates.cells import cosines, find_cells, similar_pairs


def scattered(number: int, copies: int, *, noise: float, dim: int = 32) -> NDArray[np.float16]:
    """Unit vectors, some of them near one of the others."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(number, dim))
    vectors[-copies:] = vectors[:copies] / np.linalg.norm(vectors[:copies], axis=1, keepdims=True) * np.sqrt(dim)
    vectors[-copies:] += noise * rng.normal(size=(copies, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def pairs(vectors: NDArray[np.float16], min_similarity: float, num_cells: int) -> set[tuple[int, int]]:
    found = similar_pairs(vectors, find_cells(vectors, num_cells), min_similarity)
    return {(int(i), int(j)) for ends in found for i, j in zip(*ends, strict=True)}


def brute_force(vectors: NDArray[np.float16], min_similarity: float) -> set[tuple[int, int]]:
    wide = vectors.astype(np.float32)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    return {(int(i), int(j)) for i, j in zip(*np.nonzero(np.triu(wide @ wide.T >= min_similarity, 1)), strict=True)}


def test_one_cell_finds_every_pair() -> None:
    vectors = scattered(300, 60, noise=0.2)
    assert pairs(vectors, 0.95, 1) == brute_force(vectors, 0.95) != set()


def test_many_cells_find_nearly_every_pair_and_no_other() -> None:
    vectors = scattered(3000, 1000, noise=0.2)
    found, expected = pairs(vectors, 0.95, 40), brute_force(vectors, 0.95)
    assert found <= expected
    assert len(found) > 0.97 * len(expected)


def test_the_same_vectors_have_the_same_cells() -> None:
    vectors = scattered(500, 10, noise=0.1)
    assert np.array_equal(find_cells(vectors, 7).nearest, find_cells(vectors.copy(), 7).nearest)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_few_vectors_have_cells_too(number: int) -> None:
    vectors = scattered(3, 1, noise=0.1)[:number]
    assert find_cells(vectors, 0).nearest.min() >= 0


def test_a_thousand_equal_vectors_are_linked_to_the_first_alone() -> None:
    vectors = np.tile(scattered(2, 1, noise=0.1)[:1], (1000, 1))
    assert pairs(vectors, 0.95, 5) == {(0, row) for row in range(1, 1000)}


def test_cosines_are_of_unit_vectors() -> None:
    vectors = scattered(5, 1, noise=0)
    assert np.allclose(cosines(vectors, np.arange(5), np.arange(5)), 1)
