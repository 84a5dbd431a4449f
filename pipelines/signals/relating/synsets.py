"""WordNet's synsets of a caption's words that are on a list: the text-based baseline of DataComp (Gadre et al. 2023).

A word is what stands between spaces, and means its first synset: of its nouns, else verbs, adjectives, adverbs. So
"bass" is the lowest part of the musical range, and "dogs," is nothing, for its comma. The list of the baseline holds
the synsets of ImageNet-21k.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.samples import digest_of
from pipelines.signals.relating.relations import Place
from pipelines.signals.relating.wordnet import FILES, WordNet

_SYNSET = re.compile(r"n?(\d{1,8})")


@dataclass(frozen=True, kw_only=True, slots=True)
class SynsetsRelation:
    """Captions to synsets."""

    uri: str
    """One synset a line, as n01440764 or 1440764."""
    wordnet: str
    """A folder with WordNet's own files, `index.noun` and so on."""
    synsets_sha256: str
    wordnet_sha256: str

    family = "synsets"

    @property
    def facts(self) -> Mapping[str, str]:
        return {"synsets_sha256": self.synsets_sha256, "wordnet_sha256": self.wordnet_sha256}

    def measure(self, place: Place, samples: pa.Table) -> Mapping[str, "pa.Array[Any]"]:
        """Null where a sample has no caption."""
        del place
        listed = _listed(self.uri)
        found = [
            sorted({_first_synset(word, self.wordnet) for word in caption.split()} & listed) if caption else None
            for caption in samples["caption"].to_pylist()
        ]
        return {"target_synsets": pa.array(found, pa.list_(pa.uint32()))}


def synsets_relation(uri: str, wordnet: str) -> SynsetsRelation:
    """Reads the list and the files of WordNet once to know their digests."""
    if missing := [name for name in FILES if not storage.exists(f"{wordnet}/{name}")]:
        raise SignalError(
            f"{wordnet}: no {missing[0]}, not a folder of WordNet 3.0. Give the folder that holds it: "
            "`corpora/wordnet` of NLTK's data, /usr/share/wordnet of Debian's package wordnet-base, or `dict` of "
            "Princeton's archive."
        )
    return SynsetsRelation(
        uri=uri,
        wordnet=wordnet,
        synsets_sha256=digest_of(sorted(_listed(uri))),
        wordnet_sha256=digest_of([storage.file_sha256(f"{wordnet}/{name}") for name in FILES]),
    )


@lru_cache(maxsize=1 << 18)
def _first_synset(word: str, wordnet: str) -> int:
    """-1 where WordNet does not know the word."""
    found = _wordnet(wordnet).first_synset(word)
    return -1 if found is None else found


@lru_cache(maxsize=1)
def _wordnet(folder: str) -> WordNet:
    return WordNet(folder)


@lru_cache(maxsize=1)
def _listed(uri: str) -> frozenset[int]:
    lines = storage.read_bytes(uri).decode("utf-8", errors="replace").split()
    matches = [_SYNSET.fullmatch(line) for line in lines]
    wrong = [line for line, match in zip(lines, matches, strict=True) if match is None]
    if wrong or not lines:
        raise SignalError(f"{uri}: {wrong[:1] or 'nothing'} is not a synset. Give one noun a line, e.g. n01440764.")
    return frozenset(int(match[1]) for match in matches if match)
