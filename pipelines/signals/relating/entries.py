"""Which entries of a list stand in a caption: substring matching of MetaCLIP (Xu et al. 2023, section 3.2).

An entry counts where it stands between spaces; seven punctuation marks count as spaces around themselves, tabs and
line ends as one space. All entries are looked for at once (Aho and Corasick 1975), so a list of 500,000 costs hardly
more than a short one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from pipelines import storage
from pipelines.errors import SignalError
from pipelines.samples import sha256
from pipelines.signals.relating.relations import Place

_SPACED = str.maketrans({mark: f" {mark} " for mark in ",.;:?!`"} | dict.fromkeys("\t\n\r", " "))


@dataclass(frozen=True, kw_only=True, slots=True)
class EntriesRelation:
    """Captions to a list of entries."""

    uri: str
    """A JSON list of texts, or text with one entry a line."""
    entries_sha256: str
    ignore_case: bool = False
    """Published without."""

    family = "entries"

    @property
    def facts(self) -> Mapping[str, str]:
        return {"entries_sha256": self.entries_sha256, "ignore_case": str(self.ignore_case).lower()}

    def measure(self, place: Place, samples: pa.Table) -> Mapping[str, "pa.Array[Any]"]:
        """Null where a sample has no caption."""
        del place
        matcher = _matcher(self.uri, self.ignore_case)
        found = [matcher.find(caption) if caption else None for caption in samples["caption"].to_pylist()]
        return {"matched_entries": pa.array(found, pa.list_(pa.uint32()))}


def entries_relation(uri: str, *, ignore_case: bool = False) -> EntriesRelation:
    """Reads the list once to know its digest and that it is one."""
    entries = read_entries(uri)
    digest = sha256(json.dumps(entries, ensure_ascii=False).encode())
    return EntriesRelation(uri=uri, entries_sha256=digest, ignore_case=ignore_case)


def read_entries(uri: str) -> list[str]:
    """Their order is their numbering; an empty or repeated entry would never match, or twice."""
    try:
        text = storage.read_bytes(uri).decode("utf-8")
        given = json.loads(text) if text.lstrip().startswith("[") else text.splitlines()
    except ValueError as error:
        raise SignalError(
            f"{uri}: not a list of entries ({error}). Give a JSON list of texts, or one a line."
        ) from error
    entries = [str(entry).strip() for entry in given]
    if not entries or not all(entries) or len(set(entries)) != len(entries):
        raise SignalError(
            f"{uri}: {len(entries)} entries, {entries.count('')} of them empty, {len(set(entries))} different. "
            "Give each entry once."
        )
    return entries


class Matcher:
    """A list of entries, ready to be looked for."""

    def __init__(self, entries: Sequence[str], *, ignore_case: bool = False) -> None:
        from ahocorasick_rs import AhoCorasick, MatchKind

        self._ignore_case = ignore_case
        patterns = [f" {self._folded(entry)} " for entry in entries]
        self._automaton = AhoCorasick(patterns, matchkind=MatchKind.Standard)

    def find(self, caption: str) -> list[int]:
        """Positions of the entries that it contains, ascending."""
        spaced = f" {self._folded(caption).translate(_SPACED)} "
        return sorted({match[0] for match in self._automaton.find_matches_as_indexes(spaced, overlapping=True)})

    def _folded(self, text: str) -> str:
        return text.casefold() if self._ignore_case else text


@lru_cache(maxsize=1)
def _matcher(uri: str, ignore_case: bool) -> Matcher:
    return Matcher(read_entries(uri), ignore_case=ignore_case)
