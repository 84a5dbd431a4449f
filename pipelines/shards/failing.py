"""Why records failed: messages that differ only in names and numbers count as one reason."""

import re
from collections import Counter
from dataclasses import dataclass

import pyarrow.compute as pc

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.lasting import lasting_rows
from pipelines.shards.sidecar import NO_FAILURES
from pipelines.shards.snapshots import Stats

_COLUMNS = ["status", "error_message", "reference", "http_status"]
_MAX_KINDS = 4096  # bounds the memory of a snapshot in which every message is of its own kind
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s,;'\")\]]*[^\s,;:.'\")\]]", re.IGNORECASE)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NUMBER = re.compile(r"(?<!HTTP )(?<![A-Za-z_\d])(?:0x[0-9a-f]+|\d+(?:[.,]\d+)*)(?:x\d+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One reason for which records failed, with one of them."""

    status: str
    message: str
    """What the messages have in common: `...` for names, N for numbers."""
    num_records: int
    reference: str
    example: str
    """The message of that record."""

    def __str__(self) -> str:
        return f"{self.num_records:,} x {self.status}: {self.message} (such as {self.reference})"


def common_reasons(layout: Layout, snapshot: Snapshot, *, at_most: int = 10) -> list[Reason]:
    """The most frequent first; of a record that was tried again, only why it failed in the end."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], tuple[str, str]] = {}
    for _, table in lasting_rows(layout, snapshot, _COLUMNS, wanted=_has_failures):
        failed = table.filter(~pc.field("status").isin(list(NO_FAILURES)))
        for row in reversed(failed.to_pylist()):  # so that the first of a kind is its example
            kind = (row["status"], kind_of(row["error_message"] or "", row["reference"] or "", row["http_status"]))
            counts[kind] += 1
            examples[kind] = (row["reference"] or "", row["error_message"] or "")
        if len(counts) > _MAX_KINDS:
            counts = Counter(dict(counts.most_common(_MAX_KINDS // 2)))
            examples = {kind: examples[kind] for kind in counts}
    return [
        Reason(
            status=status,
            message=message,
            num_records=number,
            reference=examples[status, message][0],
            example=examples[status, message][1],
        )
        for (status, message), number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:at_most]
    ]


def kind_of(message: str, reference: str, http_status: int | None = None) -> str:
    """A message without what is of this record alone; codes of HTTP stay."""
    if len(reference) > 2:
        message = message.replace(reference, "...")
    kind = _NUMBER.sub("N", _QUOTED.sub("'...'", _URL.sub("...", message))).removeprefix("...: ")
    return f"{kind} (HTTP {http_status})" if http_status and f"HTTP {http_status}" not in kind else kind


def _has_failures(stats: Stats) -> bool:
    return stats["count"] != stats["successes"]
