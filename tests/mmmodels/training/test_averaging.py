"""The average of the weights: its recursion, its state, and that a model gets its own weights back."""

import pytest
import torch
from torch import nn

from mmmodels.training.averaging import WeightAverage


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    model[0].bias.requires_grad_(False)
    return model


def moved(model, by):
    with torch.no_grad():
        for value in model.parameters():
            value.add_(by)


def stop_inside(model, average):
    assert torch.equal(model[0].weight, average.shadow["0.weight"])
    return 1 / 0


def test_it_follows_its_recursion_and_forgets_the_start():
    model, expected = network(), None
    average = WeightAverage(model, decay=0.9)
    expected = model[0].weight.detach().clone()
    for step in range(1, 101):
        moved(model, 0.1)
        average.update(model)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model[0].weight.detach()
    assert torch.allclose(average.shadow["0.weight"], expected, atol=1e-5)


def test_only_what_learns_is_averaged():
    assert set(WeightAverage(network(), decay=0.9).shadow) == {"0.weight", "1.weight", "1.bias"}


def test_the_model_has_the_average_inside_and_its_own_weights_behind_even_after_an_error():
    model = network()
    average = WeightAverage(model, decay=0.9)
    moved(model, 1.0)
    own = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ZeroDivisionError), average.swapped_into(model):
        stop_inside(model, average)
    assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())


def test_its_state_goes_through_a_checkpoint_that_is_not_unpickled(tmp_path):
    model = network()
    average = WeightAverage(model, decay=0.9)
    moved(model, 1.0)
    average.update(model)
    torch.save(average.state_dict(), tmp_path / "state.pt")
    other = WeightAverage(network(), decay=0.9)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    moved(model, 1.0)
    average.update(model)
    other.update(model)
    assert other.num_updates == 2
    assert all(torch.equal(value, other.shadow[name]) for name, value in average.shadow.items())


def test_a_state_that_lacks_a_weight_is_refused():
    average = WeightAverage(network(), decay=0.9)
    with pytest.raises(KeyError):
        average.load_state_dict({"num_updates": 1, "shadow": {}})
