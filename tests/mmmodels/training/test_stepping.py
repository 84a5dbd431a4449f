"""A step in parts, cached, on two ranks or with sharded weights is the step of one process at once."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from mmmodels.alignment.model import MAX_SCALE
from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.training.optimizing import build_optimizer
from mmmodels.training.stepping import MAX_BAD_STEPS, Stepper
from tests.mmmodels.training import ranks
from tests.mmmodels.training.ranks import CONFIG, WAYS, kept, part_of, stepper_of, trained, two_ranks, validated

ROWS = list(range(8))


def close(left, right):
    assert left.keys() == right.keys()
    return max(float((left[name].float() - right[name].float()).abs().max()) for name in left)


@pytest.fixture(scope="module")
def alone():
    """Three steps in one process, whole batches."""
    return three_steps(CONFIG, ROWS)


def three_steps(config, rows):
    stepper = stepper_of(config)
    trained(stepper, rows, range(2))
    loss = validated(stepper, ROWS)
    trained(stepper, rows, range(2, 3))
    return kept(stepper) | {"validation loss": torch.tensor([loss])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def found(folder):
    return two_ranks(folder)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ddp", "fsdp", "cached", "fsdp cached"])
def test_two_ranks_that_stop_and_go_on_end_with_the_weights_of_one_process(way, found, alone):
    assert close(found[way], alone) < 2e-4


@pytest.mark.slow
@pytest.mark.parametrize("way", ["accumulated", "fsdp accumulated"])
def test_accumulated_parts_have_their_own_negatives_and_are_the_same_on_one_rank(way, found):
    # The parts of two ranks that are computed together, one after the other.
    alone = three_steps(WAYS["accumulated"], [0, 1, 4, 5, 2, 3, 6, 7])
    assert close(found[way], alone) < 2e-4


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fsdp", "ddp"])
def test_what_two_ranks_saved_one_process_goes_on_with(way, found, folder, alone):
    stepper = stepper_of(CONFIG)
    ranks.restore(folder / way, stepper)
    trained(stepper, ROWS, range(2, 3))
    assert found
    after = {name: value for name, value in alone.items() if name != "validation loss"}
    assert close(kept(stepper), after) < 2e-4


def test_cached_gradients_train_as_gradients_at_once_do(alone):
    assert close(three_steps(WAYS["cached"], ROWS), alone) < 2e-4


def test_a_batch_that_cannot_be_cut_into_equal_parts_is_refused():
    stepper = stepper_of(WAYS["accumulated"])
    with pytest.raises(RecipeError, match="accumulated_batches=2: 3 samples"):
        stepper.step(part_of([0, 1, 2]), 0)


def poisoned(stepper):
    """Every gradient of this model is not a number."""
    for scale in stepper.model.log_scales.values():
        scale.register_hook(lambda gradient: gradient * float("nan"))


def test_a_step_whose_gradients_are_not_finite_leaves_the_weights_and_is_counted():
    stepper = stepper_of(CONFIG)
    poisoned(stepper)
    before = {name: value.clone() for name, value in stepper.model.state_dict().items()}
    stepper.step(part_of(ROWS), 0)
    assert stepper.check("run") == 1
    assert all(torch.equal(before[name], value) for name, value in stepper.model.state_dict().items())


def test_too_many_such_steps_end_the_run_with_what_to_change():
    stepper = stepper_of(CONFIG)
    poisoned(stepper)
    for step in range(MAX_BAD_STEPS + 1):
        stepper.step(part_of(ROWS), step)
    with pytest.raises(RecipeError, match=r"run abc: gradients not finite in 6 steps.*training\.learning_rate"):
        stepper.check("abc")


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    stepper = stepper_of(CONFIG)
    ranks.save(tmp_path, stepper)
    with pytest.raises(CheckpointError, match="belongs to run run, expected other"):
        ranks.load_state(
            tmp_path, run_key="other", model=stepper.model, optimizer=stepper.optimizer, average=stepper.averaged
        )


class Dropping(nn.Module):
    """A model that draws by itself, as dropout and layers of other libraries do."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, batch, **_chance):
        noise = random.random() + float(np.random.rand())
        return {"square": (self.layers(batch.media["text"].float()) - noise).square().mean()}


def dropping_stepper():
    model = Dropping().train()
    return Stepper(model=model, optimizer=build_optimizer(model, CONFIG), config=CONFIG, device=ranks.CPU)


def test_what_layers_draw_by_themselves_is_the_same_after_a_resume_to_the_last_bit(tmp_path):
    straight, first, resumed = dropping_stepper(), dropping_stepper(), dropping_stepper()
    trained(straight, ROWS, range(5))
    trained(first, ROWS, range(3))
    ranks.save(tmp_path, first)
    ranks.restore(tmp_path, resumed)
    trained(resumed, ROWS, range(3, 5))
    expected = straight.model.state_dict()
    assert all(torch.equal(expected[name], value) for name, value in resumed.model.state_dict().items())
    assert not torch.equal(expected["layers.0.weight"], first.model.state_dict()["layers.0.weight"])


def test_scales_stay_under_their_limit_whichever_way_gradients_are_made():
    for way in ("cached", "accumulated"):
        stepper = stepper_of(WAYS[way])
        with torch.no_grad():
            stepper.model.log_scales["image_text"].fill_(9.0)
        trained(stepper, ROWS, range(1))
        assert stepper.model.log_scales["image_text"].exp().item() <= MAX_SCALE * 1.0001
