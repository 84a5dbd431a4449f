"""Language tags (BCP 47) in names of files and columns, told apart from ordinary parts of names."""

import re
from collections.abc import Collection

UNDETERMINED = "und"

# `fr`, `pt-BR`, `pt_BR`, `zh-Hant`, `sr-Latn-RS`, `es-419`, `fil-PH`: two letters, or a hyphen and the usual case.
_CERTAIN = re.compile(r"[a-z]{2}|[a-z]{2,3}[-_](?:[A-Z][a-z]{3}(?:[-_](?:[A-Z]{2}|[0-9]{3}))?|[A-Z]{2}|[0-9]{3})")
_ANY = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")


def is_language(part: str, declared: Collection[str] = ()) -> bool:
    """Whether a part of a name is a language. `old`, `new` and `raw` are codes of languages too: three letters alone
    count only where the corpus declares them."""
    return bool(_CERTAIN.fullmatch(part)) or (bool(_ANY.fullmatch(part)) and tag_of(part) in declared)


def tag_of(language: str) -> str:
    """`pt_BR` -> `pt-BR`."""
    return language.replace("_", "-")


def split_language(base: str, declared: Collection[str] = ()) -> tuple[str, str]:
    """`a.fr` -> (`a`, `fr`), `a.fr.2` -> (`a`, `fr`), `a` -> (`a`, "")."""
    stem, language = base, ""
    while "." in stem:
        shorter, part = stem.rsplit(".", 1)
        if not shorter or (language and not part.isdecimal()):
            break
        if is_language(part, declared):
            language = part
        elif not part.isdecimal():
            break
        stem = shorter
    return stem, language
