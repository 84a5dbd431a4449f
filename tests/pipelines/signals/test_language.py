import pytest

from pipelines.signals.language import detect_language
from pipelines.sources.code_points import names_of
from pipelines.sources.openmoji import open_openmoji
from tests.benchmarks.identifying import accuracy_of

SENTENCES = {
    "en": "the quick brown fox jumps over the lazy dog in the garden",
    "de": "der schnelle braune Fuchs springt über den faulen Hund",
    "fr": "le renard brun rapide saute par-dessus le chien paresseux",
    "es": "el rápido zorro marrón salta sobre el perro perezoso",
    "it": "la volpe veloce salta sopra il cane pigro nel giardino",
    "ru": "быстрая коричневая лиса прыгает через ленивую собаку",
    "ja": "すばやい茶色の狐がのろまな犬を飛び越える",
    "zh": "敏捷的棕色狐狸跳过了那只懒狗",
    "ar": "الثعلب البني السريع يقفز فوق الكلب الكسول",
    "he": "השועל החום המהיר קופץ מעל הכלב העצלן",
    "th": "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ",
    "ko": "빠른 갈색 여우가 게으른 개를 뛰어넘는다",
    "hi": "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है",
    "id": "rubah coklat yang cepat melompati anjing yang malas itu",
    "my": "မြန်ဆန်သော အညိုရောင် မြေခွေးသည် ပျင်းရိသော ခွေးကို ခုန်ကျော်သည်",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_are_identified_with_confidence(language):
    found, confidence = detect_language(SENTENCES[language])
    assert found == language
    assert 0.5 < confidence <= 1


@pytest.mark.parametrize("words", ["", " ", "123", "!!!", "😀", "1.5 %", "ᑐᖑᔪᕐᑕᖅ ᑐᑫᓛᒐᖅ"])
def test_texts_without_letters_or_in_an_unknown_script_are_undecided(words):
    assert detect_language(words) == ("und", 0.0)


@pytest.mark.parametrize("words", ["交叉した剣", "顔文字の笑顔"])
def test_kana_make_it_japanese(words):
    assert detect_language(words)[0] == "ja"


def test_a_megabyte_is_decided_by_its_start():
    assert detect_language("ein langer deutscher Satz ohne Ende " * 30_000)[0] == "de"


def test_the_language_of_the_embedded_corpus_is_found_in_more_than_95_of_100_captions():
    source = open_openmoji(corpus="openmoji", licence="CC-BY-SA-4.0")
    codes = {reference.name.partition("/")[0] for reference in source.references()}
    texts = [text for code in codes for text in names_of(tuple(code.split("-"))).items()]
    found = accuracy_of(texts)
    assert found.num_texts.total() > 20_000
    assert len(found.num_texts) == 14
    assert found.share >= 0.98
    assert min(found.share_of(language) for language in found.num_texts) >= 0.9
