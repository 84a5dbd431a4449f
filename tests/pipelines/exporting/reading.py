"""New shards as a stranger reads them, and samples of a packed corpus by their row."""

import tarfile
from collections.abc import Iterable
from pathlib import Path

from tests.compat.corpus import Packed


def tars(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.tar"))


def members(paths: Iterable[Path]) -> list[tuple[str, bytes]]:
    """Names and contents in the order of the tars."""
    found = []
    for path in paths:
        with tarfile.open(path) as tar:
            found += [(member.name, tar.extractfile(member).read()) for member in tar.getmembers()]
    return found


def by_key(packed: Packed, key: str) -> dict[str, str]:
    return next(sample for sample in packed.samples if sample["__key__"] == key)


def keys(packed: Packed, *rows: int) -> dict[str, str]:
    """Split of the samples of these rows."""
    return {packed.samples[row]["__key__"]: "train" for row in rows}
