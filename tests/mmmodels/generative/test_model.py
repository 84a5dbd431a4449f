"""The generative model: every connector and fusion, missing modalities, times, and what a batch may not change."""

from itertools import product

import pytest
import torch

from mmmodels.alignment.batch import Batch
from mmmodels.errors import RecipeError
from mmmodels.generative.sequences import sequences
from tests.mmmodels.generative.small import TEXTS, media_of, small_generator

FUSIONS = ("prefix", "cross_attention", "encoder_decoder")
CONNECTORS = ("linear", "mlp", "perceiver", "q_former", "pooling")


def batch_of(vocabulary, media, *, size=4, lengthened=0):
    prompts = [vocabulary.prompt("caption", ("en", "de", "en", "ru")[row]) for row in range(size)]
    prompts[0] += vocabulary.encode("say more")[:lengthened]
    answers = vocabulary.encode_all(TEXTS[:size])
    targets = sequences(prompts, answers, vocabulary, context_length=64)
    return Batch(media=media, groups_B=torch.arange(size), targets=targets)


def loss_of(model, batch):
    return model(batch)["text"]


@pytest.mark.parametrize(("fusion", "connector"), list(product(FUSIONS, CONNECTORS)))
def test_every_fusion_and_connector_learns_an_answer_from_what_it_sees(fusion, connector):
    model, vocabulary = small_generator(fusion=fusion, connector=connector, image_stage=3)
    batch = batch_of(vocabulary, media_of(4, "image"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5
    assert all(parameter.grad is not None for parameter in model.connectors.parameters())


@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_is_seen_changes_what_is_said(fusion):
    model, vocabulary = small_generator(fusion=fusion, image_encoder="patches")
    model.eval()
    with torch.no_grad():
        one, other = (loss_of(model, batch_of(vocabulary, media_of(4, "image", seed=seed))) for seed in (1, 2))
    assert abs(one - other) > 1e-5


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_loss_of_a_batch_is_the_mean_of_the_losses_of_its_samples(fusion):
    model, vocabulary = small_generator(fusion=fusion, modalities=("image", "audio"))
    model.eval()
    batch = batch_of(vocabulary, media_of(4, "image", "audio"), lengthened=3)
    with torch.no_grad():
        alone = [loss_of(model, part) for part in batch.split(1)]
        assert loss_of(model, batch).item() == pytest.approx(torch.stack(alone).mean().item(), abs=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_modality_that_a_row_lacks_has_no_say_in_its_loss(fusion):
    model, vocabulary = small_generator(fusion=fusion, modalities=("image", "audio"))
    model.eval()
    media = media_of(4, "image", "audio")
    lacking = media | {"has_audio": torch.tensor([True, False, True, True])}
    noisy = lacking | {"audio": media["audio"].clone()}
    noisy["audio"][1] = media["audio"][0]
    with torch.no_grad():
        quiet, loud = (loss_of(model, batch_of(vocabulary, given).split(2)[0]) for given in (lacking, noisy))
        alone = loss_of(model, batch_of(vocabulary, {"image": media["image"]}).split(1)[1])
        masked = loss_of(model, batch_of(vocabulary, lacking).split(1)[1])
    assert quiet.item() == pytest.approx(loud.item(), abs=1e-6)
    if fusion != "encoder_decoder":
        assert masked.item() == pytest.approx(alone.item(), abs=1e-5)


def test_frames_of_a_film_are_told_apart_by_their_times_alone():
    model, vocabulary = small_generator(modalities=("video",))
    model.eval()
    media = media_of(4, "video")
    later = media | {"video_seconds": media["video_seconds"] * 2 + 1}
    with torch.no_grad():
        one, other = (loss_of(model, batch_of(vocabulary, given)) for given in (media, later))
        assert abs(one - other) > 1e-6
        dropped = media | {"has_frames": torch.tensor([[True, True, False]] * 4)}
        changed = dropped | {"video": media["video"].clone()}
        changed["video"][:, 2] = 0
        one, other = (loss_of(model, batch_of(vocabulary, given)) for given in (dropped, changed))
        assert one.item() == pytest.approx(other.item(), abs=1e-6)


def test_sound_behind_the_end_of_a_clip_is_not_heard():
    model, _ = small_generator(modalities=("audio",), audio_encoder="frames")
    model.eval()
    media = media_of(4, "audio") | {"audio_seconds": torch.full((4,), 0.2)}
    changed = media | {"audio": media["audio"].clone()}
    changed["audio"][:, int(0.35 * 16_000) :] = 0
    with torch.no_grad():
        one, other = (model.memory(given) for given in (media, changed))
    assert not one.there_BM.all()
    assert torch.allclose(one.tokens_BMW[one.there_BM], other.tokens_BMW[other.there_BM], atol=1e-5)


def test_closed_gates_leave_a_language_model_as_it_was():
    model, vocabulary = small_generator(fusion="cross_attention")
    model.eval()
    for gate in model.cross.parameters():
        if gate.shape == (1,):
            gate.data.zero_()
    ids = torch.tensor([vocabulary.prompt("caption", "en") + vocabulary.encode("red circle")])
    with torch.no_grad():
        looked = model.hidden(model.memory(media_of(1, "image")), ids, torch.ones_like(ids, dtype=torch.bool))
        plain = model.lm.base_model(ids).last_hidden_state
    assert torch.allclose(looked, plain, atol=1e-5)


def test_a_batch_without_anything_to_look_at_is_refused_by_name():
    model, _ = small_generator(modalities=("image", "audio"))
    with pytest.raises(RecipeError, match="image, audio"):
        model.memory({"has_image": torch.tensor([True])})
