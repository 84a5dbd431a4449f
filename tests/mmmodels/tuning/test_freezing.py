"""What learns: nothing of a locked tower, the last layer of a probe, little with adapters, which merge exactly."""

import pytest
import torch
from torch import nn

from mmmodels.alignment.model import TriModal
from mmmodels.errors import RecipeError
from mmmodels.recipes import TuningConfig, find_recipe
from mmmodels.towers.adapters import merged
from mmmodels.tuning.freezing import towers_of, trained_share, tune
from tests.mmmodels.recipes.test_named import batch_of
from tests.mmmodels.small import SMALL


class Headed(nn.Module):
    """An aligner with two layers on top of its towers."""

    def __init__(self):
        super().__init__()
        self.aligner = TriModal(find_recipe("tiny", SMALL).model)
        self.head = nn.Sequential(nn.Linear(3 * 128, 16), nn.GELU(), nn.Linear(16, 4))

    def forward(self, batch):
        vectors = [self.aligner.embed(name, batch.media[name]) for name in ("image", "text", "audio")]
        return self.head(torch.cat(vectors, dim=1))


def model_of(kind, **settings):
    torch.manual_seed(0)
    return tune(Headed(), TuningConfig(kind=kind, **settings))


def stepped(model, *, num=3):
    batch = batch_of(model.aligner.config, num=4)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    model.train()
    for _ in range(num):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), torch.arange(4)).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("kind", ["frozen", "probe", "lora"])
def test_no_weight_and_no_statistic_of_a_locked_tower_changes(kind):
    before = {name: value.clone() for name, value in model_of(kind).state_dict().items()}
    after = stepped(model_of(kind)).state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    in_towers = {name for name in changed if name.startswith("aligner.")}
    assert any(name.startswith("head.") for name in changed)
    assert all(".lora_" in name for name in in_towers)
    assert bool(in_towers) is (kind == "lora")


def test_a_probe_trains_its_last_layer_alone():
    learning = [name for name, value in model_of("probe").named_parameters() if value.requires_grad]
    assert learning == ["head.2.weight", "head.2.bias"]


def test_what_is_asked_for_less_trains_less():
    shares = [trained_share(model_of(kind)) for kind in ("full", "lora", "frozen", "probe")]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert len(set(shares)) == 4
    assert trained_share(model_of("lora", rank=1)) < trained_share(model_of("lora", rank=8))


def test_every_tower_has_adapters_and_the_merged_weights_are_a_plain_model_with_the_same_answers():
    tuned, batch = stepped(model_of("lora")).eval(), None
    names = {name for name, _ in tuned.named_parameters() if ".lora_" in name}
    assert all(any(name.startswith(tower) for name in names) for tower in towers_of(tuned))
    plain = Headed().eval()
    plain.load_state_dict(merged(tuned.state_dict()))
    batch = batch_of(tuned.aligner.config, num=4)
    with torch.inference_mode():
        assert torch.allclose(plain(batch), tuned(batch), atol=1e-5)
        assert not torch.allclose(plain(batch), Headed().eval()(batch), atol=1e-3)


@pytest.mark.parametrize(("kind", "said"), [("frozen", "no towers to lock"), ("lora", "no towers to lock")])
def test_a_model_without_towers_cannot_be_tuned_so(kind, said):
    with pytest.raises(RecipeError, match=said):
        tune(nn.Linear(2, 2), TuningConfig(kind=kind))


@pytest.mark.parametrize("settings", [{"tuning.rank": "0"}, {"tuning.labels_per_class": "-1"}])
def test_sizes_that_make_no_sense_are_refused(settings):
    with pytest.raises(RecipeError, match="Raise them"):
        find_recipe("classify_tiny", settings)
