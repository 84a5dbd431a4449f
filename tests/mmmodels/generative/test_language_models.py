"""Language models from scratch, from a local checkpoint, and what is refused."""

import pytest
import torch

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.generative.bundles import make_vocabulary
from mmmodels.generative.language_models import build_language_model, language_model_of, settings_for
from mmmodels.generative.model import Generator
from mmmodels.recipes import Recipe
from tests.mmmodels.generative.small import MODEL, TEXTS, config_of


@pytest.fixture
def checkpoint(tmp_path):
    """A folder as `save_pretrained` leaves it, with a tokenizer.json beside the weights; tied embeddings."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    shapes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    settings = Qwen3Config(vocab_size=300, num_key_value_heads=1, head_dim=16, tie_word_embeddings=True, **shapes)
    Qwen3ForCausalLM(settings).save_pretrained(tmp_path)
    make_vocabulary(TEXTS, Recipe(name="x", task="caption", generator=config_of()), languages=["en"]).tokenizer.save(
        str(tmp_path / "tokenizer.json")
    )
    return tmp_path


@pytest.mark.parametrize("kind", ["llama", "qwen"])
def test_a_model_from_scratch_comes_back_from_its_settings(kind):
    config = config_of(language_model=kind)
    model = build_language_model(config, num_tokens=321)
    again = language_model_of(settings_for(config, num_tokens=321))
    assert {name: value.shape for name, value in model.state_dict().items()} == {
        name: value.shape for name, value in again.state_dict().items()
    }
    assert model.get_input_embeddings().weight.shape == (321, 32)


def test_a_local_checkpoint_keeps_its_weights_and_gets_room_for_our_tokens(checkpoint):
    from transformers import AutoModelForCausalLM

    config = config_of(language_model=str(checkpoint), tokenizer="language_model")
    vocabulary = make_vocabulary([], Recipe(name="x", task="caption", generator=config), languages=["en", "fr"])
    model = build_language_model(config, num_tokens=len(vocabulary))
    before = AutoModelForCausalLM.from_pretrained(checkpoint).get_input_embeddings().weight
    assert len(vocabulary) > 300
    assert torch.equal(model.get_input_embeddings().weight[:300], before)
    again = language_model_of(settings_for(config, num_tokens=len(vocabulary)))
    again.load_state_dict(model.state_dict())
    ids = torch.tensor([vocabulary.prompt("caption", "fr", "red circle")])
    with torch.no_grad():
        assert torch.allclose(again(ids).logits, model(ids).logits, atol=1e-5)


def test_connectors_take_the_width_of_a_checkpoint(checkpoint):
    config = config_of(language_model=str(checkpoint), width=64, fusion="cross_attention", connector="perceiver")
    model = Generator(MODEL, config, language_model=build_language_model(config, num_tokens=300))
    assert model.config.width == 32


def test_what_is_no_checkpoint_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        build_language_model(config_of(language_model=str(tmp_path)), num_tokens=300)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        make_vocabulary(
            [],
            Recipe(
                name="x", task="caption", generator=config_of(language_model=str(tmp_path), tokenizer="language_model")
            ),
            languages=["en"],
        )
    with pytest.raises(RecipeError, match="from scratch has none"):
        config_of(tokenizer="language_model")


def test_a_pickle_is_never_read(checkpoint):
    model = checkpoint / "model.safetensors"
    torch.save({}, checkpoint / "pytorch_model.bin")
    model.unlink()
    with pytest.raises(CheckpointError, match="safetensors"):
        build_language_model(config_of(language_model=str(checkpoint)), num_tokens=300)
