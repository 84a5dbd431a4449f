"""The tokens of a generator: texts come back as they were, times and places to within half a step."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.generative.sequences import fits, padded_before, sequences
from mmmodels.generative.vocabulary import Vocabulary
from tests.mmmodels.generative.small import TEXTS, config_of

VOCABULARY = Vocabulary.learnt(
    TEXTS, config_of(time_seconds=3.0, time_step_seconds=0.05, location_bins=16), languages=["de", "en", "ru"]
)


@given(st.text(max_size=30))
def test_a_text_of_any_script_comes_back_as_it_was(text):
    whole = unicodedata.normalize("NFC", text)
    assert VOCABULARY.decode(VOCABULARY.encode(text)) == whole.strip()


def test_a_text_that_looks_like_a_special_token_is_text():
    ids = VOCABULARY.encode("<|end|> <|language:de|> <|0.050|>")
    assert set(ids) <= set(VOCABULARY.text_ids)
    assert VOCABULARY.decode(ids) == "<|end|> <|language:de|> <|0.050|>"


@given(st.floats(0, 3), st.floats(0, 1))
def test_times_and_places_come_back_within_half_a_step(seconds, share):
    assert VOCABULARY.seconds(VOCABULARY.time(seconds)) == pytest.approx(seconds, abs=0.0251)
    assert VOCABULARY.share(VOCABULARY.location(share)) == pytest.approx(share, abs=1 / 32 + 1e-9)


def test_a_vocabulary_comes_back_from_json_and_is_the_same_in_any_order_of_texts():
    again = Vocabulary.from_json(VOCABULARY.to_json())
    assert again.prompt("caption", "de", "rot") == VOCABULARY.prompt("caption", "de", "rot")
    assert again.seconds(again.time(1.0)) == 1.0
    assert len(again) == len(VOCABULARY)
    config = config_of()
    one, other = (Vocabulary.learnt(texts, config, languages=["en"]) for texts in (TEXTS, [*reversed(TEXTS), TEXTS[0]]))
    assert one.to_json() == other.to_json()


def test_prompts_differ_by_task_and_language_and_carry_their_text():
    prompts = [VOCABULARY.prompt(*parts) for parts in (("caption", "de"), ("caption", "en"), ("transcribe", "en"))]
    assert len({tuple(prompt) for prompt in prompts}) == 3
    assert VOCABULARY.decode(VOCABULARY.prompt("answer", "", "what is it")) == "what is it"


def test_what_the_vocabulary_lacks_is_refused_by_name():
    with pytest.raises(RecipeError, match=r"'pt'.*de, en, ru"):
        VOCABULARY.prompt("caption", "pt")
    with pytest.raises(RecipeError, match="'dance'"):
        VOCABULARY.prompt("dance")
    with pytest.raises(RecipeError, match=r"3\.00 s"):
        VOCABULARY.time(3.2)
    plain = Vocabulary.learnt(TEXTS, config_of(), languages=["en"])
    with pytest.raises(RecipeError, match="location_bins"):
        plain.location(0.5)
    with pytest.raises(CheckpointError, match="not a tokenizer"):
        Vocabulary.from_json("{}")


def test_kinds_say_what_may_be_said_and_the_end_may_always_be():
    mask = VOCABULARY.kinds("location")
    assert mask.sum() == 17
    assert mask[VOCABULARY.end]
    assert not VOCABULARY.kinds("text")[VOCABULARY.time(0.0)]


def test_sequences_say_where_answers_start_and_end():
    prompts, answers = [[1, 2], [1, 2, 3]], [[9], [7, 8]]
    found = sequences(prompts, answers, VOCABULARY, context_length=6)
    end, pad = VOCABULARY.end, VOCABULARY.pad
    assert found["ids"].tolist() == [[1, 2, 9, end, pad, pad], [1, 2, 3, 7, 8, end]]
    assert found["answer_start"].tolist() == [2, 3]
    assert found["answer_end"].tolist() == [4, 6]


def test_what_does_not_fit_is_never_cut():
    assert fits([1, 2], [3], 4)
    assert not fits([1, 2], [3], 3)
    with pytest.raises(RecipeError, match=r"row 1.*context_length"):
        sequences([[1], [1]], [[2], [2, 3, 4]], VOCABULARY, context_length=4)


def test_prompts_are_padded_before_so_that_what_is_said_follows_at_once():
    ids, there = padded_before([[5], [6, 7, 8]], pad=0)
    assert ids.tolist() == [[0, 0, 5], [6, 7, 8]]
    assert there.tolist() == [[False, False, True], [True, True, True]]
