"""Weights from wherever they lie to a local file: what is remote is copied once into a cache."""

from pathlib import Path

from mmmodels.errors import CheckpointError
from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import digest_of

DEFAULT_CACHE = ".trivium/cache"


def weights_cache(root: str) -> str:
    """Where weights that towers start from are kept: under a local root, else in the user's cache."""
    if storage.is_local(root):
        return Layout(root).cache("weights")
    return str(Path.home() / ".cache" / "trivium" / "weights")


def fetched(uri: str, *, cache: str) -> Path:
    """A local file as it is; a remote one copied under a name that changes when the object does."""
    if storage.is_local(uri):
        path = storage.local_path(uri)
        if not path.is_file():
            raise CheckpointError(f"{uri}: there is no such file. Name one that is there.")
        return path
    filesystem, remote = storage.filesystem_of(uri)
    try:
        version = filesystem.ukey(remote)  # etag, or size and time
    except FileNotFoundError as error:
        raise CheckpointError(f"{uri}: there is no such object. Name one that is there.") from error
    path = Path(cache) / "models" / digest_of([uri, str(version)])[:32] / uri.rsplit("/", 1)[-1]
    if not path.is_file():
        with storage.replacing(str(path)) as aside:
            filesystem.get_file(remote, str(aside))
    return path


def fetched_folder(uri: str, *, cache: str) -> Path:
    """The same for all files directly under a folder."""
    if storage.is_local(uri):
        return storage.local_path(uri)
    base = uri.rstrip("/")
    names = storage.names(base)
    if not names:
        raise CheckpointError(f"{uri}: there is nothing under this name. Name the folder of a model.")
    filesystem, _ = storage.filesystem_of(base)
    versions = [str(filesystem.ukey(storage.filesystem_of(f"{base}/{name}")[1])) for name in names]
    folder = Path(cache) / "models" / digest_of([base, names, versions])[:32]
    for name in names:
        path = folder / name
        if not path.is_file():
            with storage.replacing(str(path)) as aside:
                filesystem.get_file(storage.filesystem_of(f"{base}/{name}")[1], str(aside))
    return folder
