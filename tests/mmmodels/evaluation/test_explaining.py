"""Explanations: the decisive part of a picture, a clip and a text is found, and the picture of it can be made."""

import io
import json

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from mmmodels.__main__ import VERBS
from mmmodels.errors import RecipeError
from mmmodels.evaluation.explaining import explain, scorer_of
from mmmodels.evaluation.explaining_attention import GRAD_CAM, ROLLOUT, looked_at, rollout
from mmmodels.evaluation.explaining_occlusion import occlude_clip, occlude_image, occlude_words
from mmmodels.recipes import find_recipe
from mmmodels.tasks.inputs import Inputs
from mmmodels.towers.image import ImageTower
from pipelines.verbs import run_verb
from tests.corpora import picture, sound
from tests.mmmodels.small import save_random_aligner


def composed() -> torch.Tensor:
    """White, with a red square in the lower left and a blue one in the upper right."""
    image = np.full((3, 64, 64), 255, dtype=np.uint8)
    image[1:, 40:56, 8:24] = 0
    image[:2, 8:24, 40:56] = 0
    return torch.from_numpy(image)


def redness(images: torch.Tensor) -> np.ndarray:
    red = (images[:, 0].int() - images[:, 1].int()).clamp(min=0)
    return red.double().mean(dim=(1, 2)).numpy()


def test_covering_the_decisive_part_of_a_composed_picture_lowers_the_score_most():
    falls = occlude_image(composed(), redness)
    row, column = np.unravel_index(falls.argmax(), falls.shape)
    assert (row, column) in {(5, 1), (5, 2), (6, 1), (6, 2)}
    assert abs(falls[1:3, 5:7]).max() < falls.max() / 10  # the blue square decides nothing


def test_silencing_the_decisive_stretch_lowers_the_score_most():
    clip = torch.zeros(1600, dtype=torch.int16)
    clip[500:600] = 9000  # the sixth of sixteen windows
    falls = occlude_clip(clip, lambda clips: clips.abs().double().mean(dim=1).numpy())
    assert falls.argmax() == 5
    assert falls[10:].max() == 0


@pytest.mark.parametrize(("text", "parts"), [("a red kite", ["a", "red", "kite"]), ("紅い", ["紅", "い"])])
def test_leaving_out_the_decisive_word_lowers_the_score_most(text, parts):
    def tokenized(texts: list[str]) -> torch.Tensor:
        return torch.tensor([[part in one for part in parts] for one in texts])

    words, falls = occlude_words(text, tokenized, lambda rows: rows[:, 1].double().numpy())
    assert words == parts
    assert falls.argmax() == 1


def test_rollout_of_one_layer_is_half_of_what_it_attends_to():
    weights = torch.full((5, 5), 0.05)
    weights[0] = torch.tensor([0.2, 0.5, 0.1, 0.1, 0.1])
    found = rollout([weights])
    assert found.shape == (2, 2)
    assert found[0, 0] == pytest.approx(0.25)
    assert found.argmax() == 0


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ({"model.image.architecture": "timm:test_byobnet"}, GRAD_CAM),
        ({"model.image.architecture": "timm:test_vit"}, ROLLOUT),
        (
            {
                "model.image.architecture": "open_clip:ViT-B-32",
                "model.image.width": "64",
                "model.image.layers": "2",
                "model.image.patch_pixels": "16",
            },
            ROLLOUT,
        ),
    ],
)
def test_every_kind_of_tower_says_where_it_looks_and_is_left_as_it_was(settings, method):
    torch.manual_seed(0)
    config = find_recipe("tiny", settings).model.image
    tower = ImageTower(config, output_dim=16).eval()
    image = composed()[None]
    before = tower(image).detach()
    found = looked_at(tower, lambda: tower(image).sum())
    assert found is not None
    assert found[0] == method
    assert (found[1].min(), found[1].max()) == (0, 1)
    assert torch.equal(tower(image).detach(), before)
    assert all(parameter.grad is None for parameter in tower.parameters())


@pytest.mark.parametrize("suffix", [".png", ".html"])
def test_the_verb_writes_a_picture_or_a_page_with_every_part_of_the_sample(suffix, tmp_path, capsys):
    bundle = save_random_aligner(tmp_path / "bundle")
    (tmp_path / "kite.png").write_bytes(picture(1, "red"))
    (tmp_path / "kite.flac").write_bytes(sound(1, 2, 0))
    output = tmp_path / f"page{suffix}"
    media = ["--image", str(tmp_path / "kite.png"), "--audio", str(tmp_path / "kite.flac"), "--text", "a <red> kite"]
    assert run_verb("mmmodels", VERBS, ["explain", str(bundle), *media, "--output", str(output), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer["occlusion"]) == {"image", "audio", "text"}
    assert answer["words"] == ["a", "<red>", "kite"]
    assert set(answer["ablation"]) == {"image+text", "image+audio", "text+audio", "image+text+audio"}
    if suffix == ".png":
        with Image.open(output) as image:
            assert image.size[0] > 800
    else:
        assert "a &lt;red&gt; kite" in output.read_text()


def test_what_cannot_be_compared_is_refused(tmp_path):
    bundle = str(save_random_aligner(tmp_path / "bundle"))
    with pytest.raises(RecipeError, match="compares, and has only text"):
        scorer_of(bundle, Inputs(text="kite"))
    scorer, media = scorer_of(bundle, Inputs(text="kite", audio=quiet()))
    assert set(explain(scorer, media, text="kite").ablation) == {"text+audio"}


def quiet() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(4000), 16_000, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
