"""Three ways to join modalities: what is absent has no influence, and nothing at all is still an answer."""

import pytest
import torch

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.recipes import FusionConfig, find_recipe
from mmmodels.tasks.fusing import Seen, build_fusion
from mmmodels.tasks.fusion_model import FusionClassifier, start_towers
from tests.mmmodels.small import SMALL, save_random_aligner

KINDS = ("concat", "attention", "encoder_decoder")
NAMES = ("image", "text", "audio")


def seen(seed: int, *, rows: int = 3) -> Seen:
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.nn.functional.normalize(torch.randn(rows, 5, 16, generator=draw), dim=-1)
    there = torch.ones(rows, 5, dtype=torch.bool)
    return Seen(vectors_BD=tokens[:, 0], tokens_BTD=tokens, there_BT=there)


def marks(*present: bool, rows: int = 3) -> dict[str, torch.Tensor]:
    return {name: torch.full((rows,), there) for name, there in zip(NAMES, present, strict=True)}


@pytest.fixture(params=KINDS)
def fusion(request):
    torch.manual_seed(0)
    config = FusionConfig(kind=request.param, width=16, heads=2, layers=1)
    return build_fusion(config, modalities=NAMES, embed_dim=16, num_labels=4).eval()


def test_what_is_absent_has_no_influence_and_what_is_there_has(fusion):
    one = {"image": seen(1), "text": seen(2), "audio": seen(3)}
    other = one | {"audio": seen(4)}
    without, whole = marks(True, True, False), marks(True, True, True)
    assert torch.equal(fusion(one, without), fusion(other, without))
    assert not torch.allclose(fusion(one, whole), fusion(other, whole))
    assert not torch.allclose(fusion(one, whole), fusion(one, without))


def test_a_sample_of_which_everything_is_hidden_gets_a_finite_answer_and_finite_gradients(fusion):
    logits = fusion({name: seen(number) for number, name in enumerate(NAMES)}, marks(False, False, False))
    assert logits.shape == (3, 4)
    logits.square().sum().backward()
    found = [parameter.grad for parameter in fusion.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(value).all() for value in [logits, *found])


def test_a_row_does_not_hang_on_the_other_rows_of_its_batch(fusion):
    parts = {name: seen(number) for number, name in enumerate(NAMES)}
    whole, present = fusion(parts, marks(True, True, True)), marks(True, True, True, rows=1)
    for row in range(3):
        alone = {
            name: Seen(
                vectors_BD=part.vectors_BD[row : row + 1],
                tokens_BTD=part.tokens_BTD[row : row + 1],
                there_BT=part.there_BT[row : row + 1],
            )
            for name, part in parts.items()
        }
        assert torch.allclose(fusion(alone, present)[0], whole[row], atol=1e-5)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_tokens_that_do_not_count_are_not_attended_to(kind):
    torch.manual_seed(0)
    config = FusionConfig(kind=kind, width=16, heads=2, layers=1)
    fusion = build_fusion(config, modalities=NAMES, embed_dim=16, num_labels=4).eval()
    parts = {name: seen(number) for number, name in enumerate(NAMES)}
    there = torch.tensor([True, True, True, False, False]).expand(3, 5)
    changed = parts["text"].tokens_BTD.clone()
    changed[:, 3:] = 7
    texts = [
        Seen(vectors_BD=parts["text"].vectors_BD, tokens_BTD=tokens, there_BT=there)
        for tokens in (parts["text"].tokens_BTD, changed)
    ]
    left, right = (fusion(parts | {"text": text}, marks(True, True, True)) for text in texts)
    assert torch.allclose(left, right, atol=1e-6)


@pytest.mark.parametrize("modalities", ["image", "text,audio", "image,text,audio"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_trains_a_model_of_any_modalities(kind, modalities):
    torch.manual_seed(0)
    recipe = find_recipe("classify_tiny", SMALL | {"fusion.kind": kind, "model.modalities": modalities})
    model = FusionClassifier(recipe, num_labels=3)
    media = {
        "image": torch.randint(0, 255, (4, 3, 32, 32), dtype=torch.uint8),
        "text": torch.tensor([[298, 5, 299, 0]] * 4),
        "audio": torch.randint(-999, 999, (4, 8000), dtype=torch.int16),
    }
    given = {name: media[name] for name in model.modalities}
    logits = model.logits(given, {name: torch.ones(4, dtype=torch.bool) for name in given})
    assert logits.shape == (4, 3)
    logits.sum().backward()
    assert all(next(model.aligner.tower(name).parameters()).grad is not None for name in given)


def test_towers_start_from_a_parent_and_one_of_another_shape_is_named(tmp_path):
    parent = save_random_aligner(tmp_path)
    settings = SMALL | {"model.text.layers": "1", "model.modalities": "image,text"}
    model = FusionClassifier(find_recipe("classify_tiny", settings), num_labels=3)
    start_towers(model.aligner, parent)
    again = FusionClassifier(find_recipe("classify_tiny", settings), num_labels=3)
    start_towers(again.aligner, parent)
    assert all(
        torch.equal(value, again.aligner.text.state_dict()[name])
        for name, value in model.aligner.text.state_dict().items()
    )
    wider = FusionClassifier(find_recipe("classify_tiny", settings | {"model.text.width": "64"}), num_labels=3)
    with pytest.raises(CheckpointError, match="text tower is of another architecture"):
        start_towers(wider.aligner, parent)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(RecipeError, match=r"not a multiple of fusion\.heads=3"):
        find_recipe("classify_tiny", {"fusion.heads": "3"})
    with pytest.raises(RecipeError, match="expected 0 to below 1"):
        find_recipe("classify_tiny", {"fusion.modality_dropout": "1"})
    with pytest.raises(RecipeError, match="no pair to train"):
        find_recipe("tiny", {"model.modalities": "image"})
