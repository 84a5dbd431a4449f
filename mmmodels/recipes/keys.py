"""The key of a run: the same configuration, data and code resume, anything else is another run."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path

from mmmodels.recipes.training import Recipe
from pipelines.samples import digest_of

DECISIVE = (
    *("towers", "alignment", "reconstruction", "generative", "detection", "speech", "tuning", "tasks", "training"),
    *("batches", "loading", "planning", "preparing"),
)
"""Modules and packages of `mmmodels` that decide what a run computes."""


@cache
def code_version() -> str:
    """Version of the package and digest of the code that decides what a run computes."""
    digest = hashlib.sha256()
    for path in _decisive_files(Path(__file__).parent.parent):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{metadata.version('trivium')}+{digest.hexdigest()[:12]}"


def _decisive_files(package: Path) -> Iterator[Path]:
    for part in DECISIVE:
        if (module := package / f"{part}.py").exists():
            yield module
        yield from sorted((package / part).rglob("*.py"))


def run_key_of(recipe: Recipe, *, view_digest: str, parent: str = "", weights: Mapping[str, str] | None = None) -> str:
    """32 hex digits of configuration, data, code and the weights that towers start from (digests by modality).

    The same key resumes, another key is another run.
    """
    config = asdict(recipe)
    for name in ("num_workers", "min_workers", "peak_teraflops"):
        del config["training"][name]
    del config["loading"]
    parts = {"recipe": config, "view": view_digest, "parent": parent, "code": code_version()}
    return digest_of(parts | ({"weights": dict(weights)} if weights else {}))[:32]
