"""Folders of a few files, to an object store and back; a store has no rename, so one file says that all are there."""

import os
import shutil
import tempfile
from pathlib import Path

from pipelines.errors import StorageError
from pipelines.storage.files import exists, names, replacing
from pipelines.storage.places import explained, filesystem_of, is_local, local_path


def put_folder(folder: Path, uri: str, *, last: str) -> None:
    """The files directly under a local folder to `uri`; the one named `last` after all others marks it as whole."""
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.name == last)
    for path in files:
        target = f"{uri}/{path.name}"
        if is_local(uri):
            with replacing(target) as aside:
                shutil.copyfile(path, aside)
        else:
            with explained(target, "written"):
                filesystem, remote = filesystem_of(target)
                filesystem.put_file(str(path), remote)


def get_folder(uri: str, folder: Path, *, last: str) -> Path:
    """A copy of the files directly under `uri` as a local folder, whole or not at all; as it is where it is there."""
    if (folder / last).exists():
        return folder
    if not exists(f"{uri}/{last}"):
        raise StorageError(f"{uri}: no {last} in it, so it is not whole. Write it again, or name another.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name in names(uri):
            _get(f"{uri}/{name}", aside / name)
        return _named(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _get(uri: str, path: Path) -> None:
    with explained(uri, f"copied to {path.parent.parent}"):
        if is_local(uri):
            shutil.copyfile(local_path(uri), path)
        else:
            filesystem, remote = filesystem_of(uri)
            filesystem.get_file(remote, str(path))


def _named(aside: Path, folder: Path) -> Path:
    """Give it its name, unless another process was first: its copy is as good."""
    try:
        os.rename(aside, folder)  # noqa: PTH104 - Path.rename says nothing about a folder that is there
    except OSError:
        if not folder.is_dir():
            raise
    return folder
