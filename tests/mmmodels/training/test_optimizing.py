"""Schedules by step alone, and which weights decay."""

import pytest

from mmmodels.alignment.model import TriModal
from mmmodels.recipes import TrainingConfig, find_recipe
from mmmodels.training.optimizing import build_optimizer, learning_rate

WSD = TrainingConfig(num_steps=100, warmup_steps=10, learning_rate=1.0, schedule="wsd", decay_share=0.2)
COSINE = TrainingConfig(num_steps=110, warmup_steps=10, learning_rate=1.0)


@pytest.mark.parametrize("config", [WSD, COSINE])
def test_the_rate_rises_in_a_line_to_its_peak(config):
    assert [learning_rate(step, config) for step in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])


def test_warm_up_stable_decay_stays_and_falls_in_a_line_to_zero():
    assert {learning_rate(step, WSD) for step in range(10, 81)} == {1.0}
    assert [learning_rate(step, WSD) for step in (90, 95, 100)] == pytest.approx([0.5, 0.25, 0.0])


def test_the_cosine_is_at_half_in_the_middle_and_at_zero_in_the_end():
    assert [learning_rate(step, COSINE) for step in (10, 60, 110)] == pytest.approx([1.0, 0.5, 0.0])


def test_biases_norms_and_scales_do_not_decay_and_frozen_weights_are_left_out():
    settings = {"model.loss": "siglip", "model.image.trained": "none", "model.image.head": "linear"}
    recipe = find_recipe("tiny", settings | {"training.beta2": "0.95", "training.epsilon": "1e-6"})
    model = TriModal(recipe.model)
    optimizer = build_optimizer(model, recipe.training)
    names = {id(value): name for name, value in model.named_parameters()}
    decaying, others = ([names[id(value)] for value in group["params"]] for group in optimizer.param_groups)
    assert "heads.image.weight" in decaying
    assert {"log_scales.image_text", "biases.image_text", "text.transformer.ln_final.weight"} <= set(others)
    assert not any(name.startswith("image.") for name in decaying + others)
    assert optimizer.defaults["betas"] == (0.9, 0.95)
    assert optimizer.defaults["eps"] == 1e-6
