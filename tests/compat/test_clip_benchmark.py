"""Recall and zero-shot accuracy are those of CLIP_benchmark 1.6.2, by its own functions on the same vectors."""

import numpy as np
import pytest

from mmmodels.evaluation.ranking import ranks_of
from mmmodels.evaluation.zeroshot import CUTOFFS, class_vectors
from tests.compat.environments import run_reader

NUM_TEMPLATES = 3


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


class Table:
    """An aligner whose texts are numbers of rows."""

    def __init__(self, vectors):
        self.vectors = vectors

    def embed_texts(self, texts):
        return self.vectors[[int(text) for text in texts]]


@pytest.fixture(scope="module")
def given():
    """Images with one to six texts each, and prompts of twenty classes; vectors that know a little."""
    rng = np.random.default_rng(0)
    images = unit(rng.standard_normal((90, 24)))
    owner = np.repeat(np.arange(90), rng.integers(1, 7, 90))
    texts = unit(images[owner] + 3.0 * unit(rng.standard_normal((len(owner), 24))))
    prompts = unit(rng.standard_normal((20 * NUM_TEMPLATES, 24)))
    target = rng.integers(0, 20, 200)
    means = prompts.reshape(20, NUM_TEMPLATES, -1).mean(axis=1)
    queries = unit(unit(means)[target] + 2.0 * unit(rng.standard_normal((200, 24))))
    return {"images": images, "texts": texts, "owner": owner, "prompts": prompts, "queries": queries, "target": target}


@pytest.fixture(scope="module")
def theirs(given, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip_benchmark")
    scores = given["texts"] @ given["images"].T
    positive = np.arange(90)[None] == given["owner"][:, None]
    path = folder / "given.npz"
    own = {name: given[name] for name in ("prompts", "queries", "target")}
    np.savez(path, scores=scores, positive_pairs=positive, cutoffs=[1, 5, 10], num_templates=NUM_TEMPLATES, **own)
    return run_reader("clip_benchmark", path, home=folder)


@pytest.mark.parametrize("cutoff", [1, 5, 10])
@pytest.mark.parametrize("direction", ["text_to_image", "image_to_text"])
def test_every_query_is_a_hit_where_it_is_one_of_clip_benchmark(direction, cutoff, given, theirs):
    pairs = np.stack([np.arange(len(given["owner"])), given["owner"]], axis=1)
    sides = (given["texts"], given["images"])
    if direction == "image_to_text":
        pairs, sides = pairs[:, ::-1], sides[::-1]
    hits = ranks_of(*sides, pairs) < cutoff
    assert theirs["version"] == "1.6.2"
    assert hits.tolist() == theirs["hits"][f"{direction}_{cutoff}"]
    assert 0 < hits.mean() < 1, "able to differ"


def test_class_vectors_and_accuracy_are_those_of_clip_benchmark(given, theirs):
    names = [str(number) for number in range(20)]
    by_template = [Table(given["prompts"][place::NUM_TEMPLATES]) for place in range(NUM_TEMPLATES)]
    together = np.stack([table.embed_texts(names) for table in by_template], axis=1).reshape(-1, 24)

    class Prompted:
        """The prompts of a class are asked for one after the other."""

        def embed_texts(self, _texts):
            return together

    vectors = class_vectors(Prompted(), names, ("{}",) * NUM_TEMPLATES)
    np.testing.assert_allclose(vectors, theirs["weights"], atol=1e-6)
    ranks = ranks_of(given["queries"], vectors, np.stack([np.arange(200), given["target"]], axis=1))
    right = np.array(theirs["best"]) == given["target"][:, None]
    for cutoff in CUTOFFS:
        assert (ranks < cutoff).tolist() == right[:, :cutoff].any(axis=1).tolist()
    assert 0.1 < (ranks < 1).mean() < 0.95, "able to differ"
