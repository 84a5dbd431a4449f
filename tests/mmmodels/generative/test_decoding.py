"""Decoding: a batch changes no answer, the cache changes none, and transformers' loop is held to one of ten lines."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from mmmodels.errors import RecipeError
from mmmodels.generative.decoding import generate, greedy_by_recomputing, score
from mmmodels.recipes import DecodingConfig
from tests.mmmodels.generative.small import media_of, small_generator

FUSIONS = ("prefix", "cross_attention", "encoder_decoder")
GREEDY = DecodingConfig(max_new_tokens=8)


def asked(fusion, **settings):
    """A model, its vocabulary, media and prompts of several lengths, some rows without sound."""
    model, vocabulary = small_generator(fusion=fusion, modalities=("image", "audio"), **settings)
    media = media_of(4, "image", "audio") | {"has_audio": torch.tensor([True, False, True, False])}
    prompts = [
        vocabulary.prompt("caption", "en"),
        vocabulary.prompt("caption", "de", "sag mehr dazu"),
        vocabulary.prompt("answer"),
        vocabulary.prompt("caption", "ru", "red"),
    ]
    return model.eval(), vocabulary, media, prompts


def row_of(media, row):
    return {name: value[row : row + 1] for name, value in media.items()}


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("strategy", ["greedy", "beam"])
def test_a_batch_of_one_says_what_a_batch_of_many_says(fusion, strategy):
    model, vocabulary, media, prompts = asked(fusion)
    decoding = replace(GREEDY, strategy=strategy, num_beams=3)
    many = generate(model, media, prompts, vocabulary=vocabulary, decoding=decoding)
    for row, prompt in enumerate(prompts):
        (one,) = generate(model, row_of(media, row), [prompt], vocabulary=vocabulary, decoding=decoding)
        assert one.ids == many[row].ids
        assert one.log_likelihood == pytest.approx(many[row].log_likelihood, abs=1e-3)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_logits_of_a_padded_row_are_those_of_the_row_alone(fusion):
    model, vocabulary, media, prompts = asked(fusion)
    longest = max(map(len, prompts))
    ids = torch.tensor([[*prompt, *[vocabulary.pad] * (longest - len(prompt))] for prompt in prompts])
    there = torch.tensor([[place < len(prompt) for place in range(longest)] for prompt in prompts])
    with torch.no_grad():
        many = model.lm.lm_head(model.hidden(model.memory(media), ids, there))
        for row, prompt in enumerate(prompts):
            whole = torch.ones(1, len(prompt), dtype=torch.bool)
            memory = model.memory(row_of(media, row))
            one = model.lm.lm_head(model.hidden(memory, torch.tensor([prompt]), whole))
            assert torch.allclose(one[0], many[row, : len(prompt)], atol=1e-4)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_greedy_answers_are_those_of_a_plain_loop_without_a_cache(fusion):
    model, vocabulary, media, prompts = asked(fusion)
    answers = generate(model, media, prompts, vocabulary=vocabulary, decoding=GREEDY)
    for row, prompt in enumerate(prompts):
        ids = list(prompt)
        with torch.no_grad():
            memory = model.memory(row_of(media, row))
            for _ in range(GREEDY.max_new_tokens):
                given = torch.tensor([ids])
                hidden = model.hidden(memory, given, torch.ones_like(given, dtype=torch.bool))
                ids.append(int(model.lm.lm_head(hidden[0, -1]).argmax()))
                if ids[-1] == vocabulary.end:
                    ids.pop()
                    break
        assert answers[row].ids == ids[len(prompt) :]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_cache_changes_no_answer(fusion):
    model, vocabulary, media, prompts = asked(fusion)
    cached = generate(model, media, prompts, vocabulary=vocabulary, decoding=GREEDY)
    lengths = []
    model.lm.base_model.register_forward_pre_hook(
        lambda _module, _args, kwargs: lengths.append(kwargs["inputs_embeds"].shape[1]), with_kwargs=True
    )
    plain = greedy_by_recomputing(model, media, prompts, vocabulary=vocabulary, max_new_tokens=GREEDY.max_new_tokens)
    assert [answer.ids for answer in cached] == plain
    assert lengths == list(range(lengths[0], lengths[0] + len(lengths)))
    assert len(lengths) > 1


def test_a_beam_as_wide_as_the_choice_finds_the_likeliest_of_all_answers():
    model, vocabulary, media, prompts = asked("prefix", location_bins=4)
    beam = replace(GREEDY, strategy="beam", num_beams=16, length_penalty=0.0, max_new_tokens=2)
    allowed = vocabulary.kinds("location")
    found = generate(model, media, prompts, vocabulary=vocabulary, decoding=beam, allowed=allowed)
    places = [vocabulary.location(share) for share in (0.1, 0.3, 0.6, 0.9)]
    # Two tokens at most: an end at once, a place and an end, or two places without one.
    every = [[vocabulary.end], *([place, vocabulary.end] for place in places), *map(list, product(places, places))]
    for row, prompt in enumerate(prompts):
        with torch.no_grad():
            memory = model.memory(row_of(media, row))
            scores = [_sum_of_logs(model, memory, prompt, tokens) for tokens in every]
        best = every[scores.index(max(scores))]
        assert found[row].ids == [token for token in best if token != vocabulary.end]


def _sum_of_logs(model, memory, prompt, tokens):
    given = torch.tensor([[*prompt, *tokens]])
    logs = model.lm.lm_head(model.hidden(memory, given, torch.ones_like(given, dtype=torch.bool))[0]).log_softmax(dim=1)
    return sum(float(logs[len(prompt) - 1 + place, token]) for place, token in enumerate(tokens))


def test_only_what_is_allowed_is_said_and_the_end_stops_it():
    model, vocabulary, media, prompts = asked("prefix", location_bins=4)
    allowed = vocabulary.kinds("location")
    for strategy in ("greedy", "beam", "sample"):
        decoding = replace(GREEDY, strategy=strategy)
        for answer in generate(model, media, prompts, vocabulary=vocabulary, decoding=decoding, allowed=allowed):
            assert all(vocabulary.share(token) is not None for token in answer.ids)
            assert answer.is_whole == (len(answer.ids) < decoding.max_new_tokens)


def test_sampling_repeats_with_its_seed_and_leaves_the_generator_of_chance_alone():
    model, vocabulary, media, prompts = asked("prefix")
    hot = replace(GREEDY, strategy="sample", temperature=5.0, top_k=50, top_p=0.99)
    before = torch.random.get_rng_state()
    first, again, other = (
        [answer.ids for answer in generate(model, media, prompts, vocabulary=vocabulary, decoding=decoding)]
        for decoding in (hot, hot, replace(hot, seed=1))
    )
    assert first == again != other
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_single_likeliest_token_is_sampled_where_only_one_may_be():
    model, vocabulary, media, prompts = asked("prefix")
    one = replace(GREEDY, strategy="sample", top_k=1)
    sampled, greedy = (
        [answer.ids for answer in generate(model, media, prompts, vocabulary=vocabulary, decoding=decoding)]
        for decoding in (one, GREEDY)
    )
    assert sampled == greedy


def test_scores_are_log_likelihoods_of_answers_with_their_end():
    model, vocabulary, media, prompts = asked("cross_attention")
    answers = vocabulary.encode_all(["red circle", "blau", "square", "круг"])
    scores = score(model, media, prompts, answers, vocabulary=vocabulary)
    with torch.no_grad():
        expected = _sum_of_logs(model, model.memory(row_of(media, 0)), prompts[0], [*answers[0], vocabulary.end])
    assert float(scores[0]) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"top_p": 0.0}, {"num_beams": 0}, {"max_new_tokens": 0}])
def test_settings_that_mean_nothing_are_refused_by_name(wrong):
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        DecodingConfig(**wrong)
