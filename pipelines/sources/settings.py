"""Settings of the catalog into the policy of the downloader."""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pipelines.errors import SourceError
from pipelines.samples import Modality
from pipelines.sources.downloading import DownloadPolicy


def policy_of(settings: Mapping[str, object], *, what: str, is_audio: bool = False) -> DownloadPolicy:
    """The defaults where nothing is said; `noimageai` does not bind where only clips are fetched."""
    known = {field.name: field for field in fields(DownloadPolicy)}
    values: dict[str, Any] = {"modality": Modality.AUDIO if is_audio else None}
    for name, value in settings.items():
        if name not in known or name == "modality":
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}? " if close else ""
            raise SourceError(f"{what}: unknown {name!r}. {hint}Known are {', '.join(sorted(known))}.")
        default = known[name].default
        expected = (str, Path) if name == "ca_file" else (int, float) if isinstance(default, float) else type(default)
        found = tuple(value) if isinstance(value, list) else value
        if not isinstance(found, expected) or (isinstance(found, bool) and not isinstance(default, bool)):
            raise SourceError(f"{what}: {name} = {value!r}. Expected a value such as {default!r}.")
        values[name] = Path(found) if isinstance(found, str) and name == "ca_file" else found
    return DownloadPolicy(**values)
