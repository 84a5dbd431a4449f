"""Prompts for zero-shot classification, in fourteen languages: `{}` stands for the name of a class.

The bare name stands among them: a corpus of names is described by names. Gender and case are left to the reader, as in
the prompts of CLIP for English articles.
"""

from collections.abc import Mapping

IMAGE: Mapping[str, tuple[str, ...]] = {
    "ar": ("{}", "صورة {}", "رسم {}", "أيقونة {}"),
    "de": ("{}", "ein Bild: {}", "eine Zeichnung: {}", "ein Symbol: {}"),
    "en": ("{}", "a picture of {}", "a drawing of {}", "an icon of {}"),
    "es": ("{}", "una imagen de {}", "un dibujo de {}", "un icono de {}"),
    "fa": ("{}", "تصویر {}", "نقاشی {}", "نماد {}"),
    "fr": ("{}", "une image de {}", "un dessin de {}", "une icône de {}"),
    "id": ("{}", "gambar {}", "lukisan {}", "ikon {}"),
    "it": ("{}", "un'immagine di {}", "un disegno di {}", "un'icona di {}"),
    "ja": ("{}", "{}の画像", "{}の絵", "{}のアイコン"),
    "ko": ("{}", "{} 사진", "{} 그림", "{} 아이콘"),
    "pt": ("{}", "uma imagem de {}", "um desenho de {}", "um ícone de {}"),
    "ru": ("{}", "изображение: {}", "рисунок: {}", "значок: {}"),
    "tr": ("{}", "{} resmi", "{} çizimi", "{} simgesi"),
    "zh": ("{}", "{}的图片", "{}的图画", "{}的图标"),
}
AUDIO: Mapping[str, tuple[str, ...]] = {
    "ar": ("{}", "صوت {}", "كلمة {}"),
    "de": ("{}", "das Geräusch: {}", "das Wort: {}"),
    "en": ("{}", "the sound of {}", "the word {}"),
    "es": ("{}", "el sonido de {}", "la palabra {}"),
    "fa": ("{}", "صدای {}", "واژه {}"),
    "fr": ("{}", "le son de {}", "le mot {}"),
    "id": ("{}", "suara {}", "kata {}"),
    "it": ("{}", "il suono di {}", "la parola {}"),
    "ja": ("{}", "{}の音", "{}という言葉"),
    "ko": ("{}", "{} 소리", "{}라는 말"),
    "pt": ("{}", "o som de {}", "a palavra {}"),
    "ru": ("{}", "звук: {}", "слово: {}"),
    "tr": ("{}", "{} sesi", "{} sözcüğü"),
    "zh": ("{}", "{}的声音", "{}这个词"),
}
OTHER = ("{}",)
"""Of a language that has none here."""


def templates_of(modality: str, language: str) -> tuple[str, ...]:
    """The prompts of a language, of pictures or of clips; the bare name where it has none."""
    return {"image": IMAGE, "audio": AUDIO}[modality].get(language, OTHER)


def prompts(name: str, templates: tuple[str, ...]) -> list[str]:
    """The name in each of them; braces in a name are left alone."""
    return [template.replace("{}", name) for template in templates]
