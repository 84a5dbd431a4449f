"""A step in parts, cached, on two ranks or with sharded weights is the step of one process at once."""

import pytest
import torch

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.training.stepping import MAX_BAD_STEPS
from tests.mmmodels.training import ranks
from tests.mmmodels.training.ranks import CONFIG, WAYS, kept, part_of, stepper_of, trained, two_ranks

ROWS = list(range(8))


def close(left, right):
    assert left.keys() == right.keys()
    return max(float((left[name].float() - right[name].float()).abs().max()) for name in left)


@pytest.fixture(scope="module")
def alone():
    """Three steps in one process, whole batches."""
    stepper = stepper_of(CONFIG)
    trained(stepper, ROWS, range(3))
    return kept(stepper)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def found(folder):
    return two_ranks(folder)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ddp", "fsdp", "cached"])
def test_two_ranks_that_stop_and_go_on_end_with_the_weights_of_one_process(way, found, alone):
    assert close(found[way], alone) < 2e-4


@pytest.mark.slow
def test_accumulated_parts_have_their_own_negatives_and_are_the_same_on_one_rank(found):
    stepper = stepper_of(WAYS["accumulated"])
    # The parts of two ranks that are computed together, one after the other.
    trained(stepper, [0, 1, 4, 5, 2, 3, 6, 7], range(3))
    assert close(found["accumulated"], kept(stepper)) < 2e-4


@pytest.mark.slow
@pytest.mark.parametrize("way", ["fsdp", "ddp"])
def test_what_two_ranks_saved_one_process_goes_on_with(way, found, folder, alone):
    stepper = stepper_of(CONFIG)
    ranks.restore(folder / way, stepper)
    trained(stepper, ROWS, range(2, 3))
    assert found
    assert close(kept(stepper), alone) < 2e-4


def test_cached_gradients_train_as_gradients_at_once_do(alone):
    stepper = stepper_of(WAYS["cached"])
    trained(stepper, ROWS, range(3))
    assert close(kept(stepper), alone) < 2e-4


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
