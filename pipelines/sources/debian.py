"""Debian packages as corpora: fetched and unpacked into a cache folder, without root and without installing."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.errors import SourceError

_STALE_SECONDS = 3600
_TIMEOUT_SECONDS = 1800


def unpacked(location: str, *, cache: Path) -> Path:
    """The folder that holds a package's files, named for its version; fetched only where no version is there.

    `location` is `apt:PACKAGE`, or the path of a .deb file.
    """
    package = location.removeprefix("apt:")
    home = cache.resolve() / (package if location.startswith("apt:") else Path(location).stem)
    there = sorted(path for path in home.glob("*") if path.is_dir() and not path.name.startswith("."))
    if there:
        return there[-1]
    try:
        home.mkdir(parents=True, exist_ok=True)
        _remove_stale(home)
        with tempfile.TemporaryDirectory(dir=home, prefix=".fetch-", ignore_cleanup_errors=True) as aside:
            deb = _downloaded(package, Path(aside)) if location.startswith("apt:") else Path(location)
            return _unpack(deb, Path(aside) / "files", home)
    except OSError as error:
        raise SourceError(
            f"{home}: cannot be written ({error.strerror}). Free space, or name another cache."
        ) from error


def _downloaded(package: str, folder: Path) -> Path:
    if shutil.which("apt-get") is None:
        raise SourceError(
            f"{package}: a Debian package, and this machine has no apt-get. Fetch its .deb elsewhere and name the file "
            "as the corpus's location in a catalog."
        )
    sys.stderr.write(f"fetching the Debian package {package}\n")
    _run(
        ["apt-get", "download", package],
        folder,
        f"apt-get download {package}: is there a network, was apt-get update run?",
    )
    return next(folder.glob("*.deb"))


def _unpack(deb: Path, aside: Path, home: Path) -> Path:
    if not deb.is_file():
        raise SourceError(f"{deb}: no such .deb file. Name the package as apt:NAME, or its file.")
    if shutil.which("dpkg-deb") is None:
        raise SourceError(f"{deb.name}: dpkg-deb is not on this machine. Unpack it elsewhere, or install dpkg.")
    advice = f"dpkg-deb cannot read {deb.name}: is it whole?"
    version = _run(["dpkg-deb", "--field", str(deb), "Version"], home, advice).strip()
    _run(["dpkg-deb", "--extract", str(deb), str(aside)], home, advice)
    target = home / (re.sub(r"[^a-z0-9_.-]", "-", version.lower()) or "unknown")
    try:
        aside.rename(target)
    except OSError:
        if not target.is_dir():  # else another run was quicker
            raise
    return target


def _run(command: list[str], folder: Path, advice: str) -> str:
    result = subprocess.run(  # noqa: S603 - fixed programs, no shell
        command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no message"]
        raise SourceError(f"{advice} It said: {lines[-1]}")
    return result.stdout


def _remove_stale(home: Path) -> None:
    """What a killed run left behind."""
    for path in home.glob(".fetch-*"):
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
