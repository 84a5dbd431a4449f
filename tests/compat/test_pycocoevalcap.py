"""Our BLEU, ROUGE-L and CIDEr-D are those of COCO's caption evaluation, text by text."""

import json
import random

import numpy as np
import pytest

from mmmodels.evaluation.text_metrics import bleu, bleu_counts, cider_d, rouge_l
from tests.compat.environments import run_reader

WORDS = ["a", "red", "circle", "blue", "square", "under", "the", "moon", "sun", "two"]


def made_up(num=60):
    """Captions that share some of their words, of one to twelve words, with one to three references each."""
    chance = random.Random(0)

    def text():
        return " ".join(chance.choices(WORDS, k=chance.randint(1, 12)))

    references = [[text() for _ in range(chance.randint(1, 3))] for _ in range(num)]
    return references, [one[0] if chance.random() < 0.2 else text() for one in references]


def test_every_score_is_that_of_pycocoevalcap(tmp_path, home):
    references, guesses = made_up()
    path = tmp_path / "asked.json"
    path.write_text(json.dumps({"references": references, "guesses": guesses}))
    theirs = run_reader("pycocoevalcap", path, home=home)
    assert theirs["version"] == "1.2"
    assert bleu(bleu_counts(references, guesses).sum(axis=0)) == pytest.approx(theirs["bleu"], abs=1e-6)
    assert np.allclose(rouge_l(references, guesses), theirs["rouge_l"], atol=1e-9)
    assert np.allclose(cider_d(references, guesses), theirs["cider_d"], atol=1e-9)
