"""Tokenizers: learnt, CLIP's, of a file and of SentencePiece; any text of any script, the end where the tower looks."""

import json

import pytest
from open_clip.tokenizer import SimpleTokenizer
from tokenizers import Tokenizer
from transformers.utils.sentencepiece_model_pb2_new import ModelProto

from mmmodels.errors import RecipeError
from mmmodels.recipes import TextConfig
from mmmodels.towers.tokenizers import clip_tokenizer, make_tokenizer, tokenize, train_tokenizer

TEXTS = ["a red apple", "une pomme rouge", "красное яблоко", "红苹果", "a", "a very long text " * 20]
OTHERS = ["красная дверь", "日本語", "emoji \N{OCTOPUS}", "مرحبا", "a  b", "Don't stop, won't 12345!"]


def test_any_text_of_any_script_has_tokens_that_decode_to_it():
    tokenizer = train_tokenizer(TEXTS, vocab_size=400)
    assert tokenizer.get_vocab_size() < 400
    for text in OTHERS[:4]:
        ids = tokenizer.encode(text).ids
        assert 0 not in ids, "padding is never a token"
        assert tokenizer.decode(ids).strip() == text


def test_the_order_of_the_texts_does_not_change_the_tokenizer():
    first, second = (train_tokenizer(texts, vocab_size=400) for texts in (TEXTS, reversed(TEXTS * 2)))
    assert first.to_str() == second.to_str()


def test_the_end_token_is_the_highest_id_and_stands_even_in_a_text_that_is_cut():
    config = TextConfig(vocab_size=400, context_length=24)
    ids = tokenize(make_tokenizer(TEXTS, config=config), TEXTS, config=config)
    assert ids.shape == (len(TEXTS), 24)
    assert (ids.max(dim=1).values == 399).all()
    assert ids[-1, -1] == 399


def test_clips_tokenizer_gives_what_open_clips_gives():
    config = TextConfig(tokenizer="open_clip", vocab_size=49_408, context_length=77)
    texts = [*TEXTS, *OTHERS, "A &amp; B", "  Two\n lines ", "", "THE END.", "naïve café – “quoted”", "x" * 300, "!!!"]
    ids = tokenize(make_tokenizer([], config=config), texts, config=config)
    expected = SimpleTokenizer()(texts)
    for text, mine, theirs in zip(texts, ids.tolist(), expected.tolist(), strict=True):
        assert mine == theirs, text


def test_a_tokenizer_of_a_file_is_used_as_it_is_between_our_start_and_end(tmp_path):
    clip_tokenizer().save(str(tmp_path / "tokenizer.json"))
    config = TextConfig(tokenizer=str(tmp_path / "tokenizer.json"), vocab_size=49_410, context_length=12)
    tokenizer = make_tokenizer([], config=config)
    (ids,) = tokenize(tokenizer, ["red apple"], config=config).tolist()
    assert ids == [49_408, *clip_tokenizer().encode("red apple").ids, 49_409, *[0] * 8]


@pytest.fixture
def sentencepiece(tmp_path):
    """A small unigram model, written with the messages of the format itself."""
    model = ModelProto()
    words = [("▁red", -2.0, 1), ("▁app", -3.0, 1), ("le", -3.0, 1)]
    pieces = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), *words]
    letters = [(letter, -8.0, 1) for letter in "▁abcdefghijklmnopqrstuvwxyz"]
    for piece, score, kind in pieces + letters:
        model.pieces.add(piece=piece, score=score, type=kind)
    model.trainer_spec.model_type = 1
    model.trainer_spec.unk_id = 0
    model.normalizer_spec.add_dummy_prefix = True
    path = tmp_path / "spiece.model"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_sentencepiece_model_gives_its_pieces(sentencepiece):
    config = TextConfig(tokenizer=str(sentencepiece), vocab_size=64, context_length=8)
    tokenizer = make_tokenizer([], config=config)
    assert tokenizer.encode("red  apple").tokens == ["▁red", "▁app", "le"]
    (ids,) = tokenize(tokenizer, ["red apple"], config=config).tolist()
    assert ids == [62, 3, 4, 5, 63, 0, 0, 0]
    again = Tokenizer.from_str(tokenizer.to_str())
    assert again.encode("red apple").ids == [3, 4, 5], "a bundle holds it as tokenizer.json"


def test_a_vocabulary_that_is_too_small_says_how_large_it_must_be(sentencepiece):
    with pytest.raises(RecipeError, match=r"Set model\.text\.vocab_size=35 or more"):
        make_tokenizer([], config=TextConfig(tokenizer=str(sentencepiece), vocab_size=34))
    with pytest.raises(RecipeError, match=r"Set model\.text\.vocab_size=49408 or more"):
        make_tokenizer([], config=TextConfig(tokenizer="open_clip"))


def test_what_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": 1}))
    (tmp_path / "odd.model").write_bytes(b"\xff\x00 not a model")
    for name, said in (("none", "neither bpe"), ("tokenizer.json", "not a tokenizer.json"), ("odd.model", "not a ")):
        with pytest.raises(RecipeError, match=said):
            make_tokenizer([], config=TextConfig(tokenizer=str(tmp_path / name)))
