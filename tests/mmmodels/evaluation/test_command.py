"""What the verb `evaluate` shows."""

from mmmodels.evaluation.command import lines


def figures(value, *, chance, n=6):
    return {"value": value, "low": value, "high": value, "chance": chance, "n": n, "num_candidates": 20.0}


def test_a_line_tells_all_that_was_measured_of_a_direction():
    metrics = {
        "unseen/image_to_text/r_at_1": figures(0.25, chance=0.05),
        "unseen/image_to_text/median_rank": figures(4.0, chance=10.5),
        "unseen/text_to_image/r_at_1": figures(0.5, chance=0.05),
    }
    assert dict(lines(metrics)) == {
        "unseen/image_to_text": "r_at_1 0.250 [0.250, 0.250] chance 0.050; median_rank 4.0 [4.0, 4.0] chance 10.5; "
        "6 queries among 20",
        "unseen/text_to_image": "r_at_1 0.500 [0.500, 0.500] chance 0.050; 6 queries among 20",
    }
