"""WordNet's first synset of a word in any form, from its own files (Princeton WordNet 3.0, wndb(5WN), morphy(7WN)).

Forms are found as NLTK 3.8.1 finds them, the release that DataComp pins: exceptions first, then rules for endings, over
and over while no form is known. Later releases apply the rules once.
"""

from collections.abc import Iterable, Iterator, Mapping

from pipelines import storage

PARTS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
"""Files to parts of speech, in the order in which a word is looked for."""
FILES = tuple(f"{kind}" for part in PARTS for kind in (f"index.{part}", f"{part}.exc"))
_ENDINGS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "noun": (("s", ""), ("ses", "s"), ("ves", "f"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"),
             ("men", "man"), ("ies", "y")),
    "verb": (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "adv": (),
}  # fmt: skip


class WordNet:
    """The index files of a folder, in memory: 155,000 words, 30 MB."""

    def __init__(self, folder: str) -> None:
        self._first = {part: dict(_first_offsets(_lines(f"{folder}/index.{part}"))) for part in PARTS}
        self._exceptions = {
            part: {words[0]: words[1:] for words in map(str.split, _lines(f"{folder}/{part}.exc")) if words}
            for part in PARTS
        }

    def first_synset(self, word: str) -> int | None:
        """The offset of its likeliest synset: of its nouns, else verbs, adjectives, adverbs; None where unknown."""
        form = word.lower()
        for part, known in self._first.items():
            for lemma in self._forms(part, form):
                return known[lemma]
        return None

    def _forms(self, part: str, form: str) -> list[str]:
        """Lemmas of one part of speech, the likeliest first."""
        known, exceptions = self._first[part], self._exceptions[part]
        if form in exceptions:
            return [one for one in (form, *exceptions[form]) if one in known]
        forms = _shortened(part, [form])
        found = [one for one in (form, *forms) if one in known]
        while forms and not found:  # every ending leaves a shorter form, so this ends
            forms = _shortened(part, forms)
            found = [one for one in forms if one in known]
        return found


def _shortened(part: str, forms: Iterable[str]) -> list[str]:
    return [form[: -len(old)] + new for form in forms for old, new in _ENDINGS[part] if form.endswith(old)]


def _lines(uri: str) -> Iterator[str]:
    return iter(storage.read_bytes(uri).decode("utf-8").splitlines())


def _first_offsets(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """(lemma, first offset): `lemma pos synset_cnt p_cnt [ptr...] sense_cnt tagsense_cnt offset [offset...]`."""
    for line in lines:
        if not line.startswith(" "):  # the licence
            words = line.split()
            yield words[0], int(words[6 + int(words[3])])
