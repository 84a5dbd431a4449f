"""Views that engineers declare in `$TRIVIUM_HOME/views.toml`, each a partition of the asset `declared_view`:

[photos]                                    # the view's name
corpora = ["openmoji", "stamps/2022.06.04"]  # the newest snapshot, or a fixed one; at most one of a corpus
policy = "default"                          # a bundled policy, or a SQL file beside this one
params = { min_image_pixels = 64 }
purpose = "training"                        # or "evaluation": nothing may then be trained on its samples

[photos.requirements]                       # of its checks; see `Requirements`
min_training_samples = 10000
allowed_licenses = ["CC0-1.0", "CC-BY-4.0"]
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pipelines import storage
from pipelines.curation.views import check_name
from pipelines.errors import PolicyError
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.snapshots import snapshots_of

TRAINING, EVALUATION = PURPOSES = ("training", "evaluation")


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredView:
    """One entry of the file."""

    name: str
    corpora: tuple[str, ...]
    """`corpus` for its newest snapshot, or `corpus/snapshot`."""
    policy: str = "default"
    params: Mapping[str, Any] = field(default_factory=dict)
    alignment: str = ""
    """The scoring family to use, `alignment@DIGEST`."""
    purpose: str = TRAINING
    allow_not_measured: bool = False
    requirements: Mapping[str, Any] = field(default_factory=dict)

    def snapshots(self, layout: Layout) -> list[Snapshot]:
        """Those that it is over today."""
        return [_snapshot(layout, self.name, corpus) for corpus in self.corpora]


def load_declared(path: Path) -> dict[str, DeclaredView]:
    """Name -> view; none where there is no file. `PolicyError` says what of the file is wrong."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise PolicyError(f"{path}: not TOML ({error}). Mend it.") from error
    return {name: _declared(path, name, entry) for name, entry in entries.items()}


def find_declared(path: Path, name: str) -> DeclaredView:
    """`PolicyError` where the file declares no such view (any more)."""
    declared = load_declared(path)
    if name not in declared:
        near = difflib.get_close_matches(name, declared, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise PolicyError(f"view {name}: not declared in {path}. {hint}Declared: {', '.join(declared) or 'none'}.")
    return declared[name]


def _declared(path: Path, name: str, entry: object) -> DeclaredView:
    check_name(name)
    known = [one.name for one in fields(DeclaredView) if one.name != "name"]
    if not isinstance(entry, dict):
        raise PolicyError(f"{path}, {name}: not a view. Write a table: [{name}] with corpora and policy.")
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
            raise PolicyError(f"{path}, [{name}]: no setting {key}. {hint}")
    corpora = entry.get("corpora")
    if not (isinstance(corpora, list) and corpora and all(isinstance(one, str) for one in corpora)):
        raise PolicyError(f'{path}, [{name}]: corpora = {corpora!r}. Name at least one: corpora = ["openmoji"].')
    if entry.get("purpose", TRAINING) not in PURPOSES:
        raise PolicyError(f"{path}, [{name}]: purpose = {entry['purpose']!r}. Write one of {', '.join(PURPOSES)}.")
    policy = _policy(path, str(entry.get("policy", "default")))
    return DeclaredView(**{**entry, "name": name, "corpora": tuple(corpora), "policy": policy})


def _policy(path: Path, policy: str) -> str:
    """A file's path is relative to the declaration."""
    return str(path.parent / policy) if policy.endswith(".sql") else policy


def _snapshot(layout: Layout, view: str, wanted: str) -> Snapshot:
    corpus, _, name = wanted.partition("/")
    there = snapshots_of(layout, corpus)
    found = [one for one in there if name in ("", one.snapshot)]
    if not found:
        known: Sequence[object] = there or storage.names(layout.corpora())
        raise PolicyError(
            f"view {view}: {wanted} is not packed under {layout.root}. There: {', '.join(map(str, known)) or 'none'}. "
            f"Materialize the shards of {corpus} first, or name another in the declaration."
        )
    return max(found, key=lambda one: (_planned_at(layout, one), one.snapshot))


def _planned_at(layout: Layout, snapshot: Snapshot) -> float:
    filesystem, path = storage.filesystem_of(layout.plan(snapshot))
    return float(filesystem.modified(path).timestamp())
