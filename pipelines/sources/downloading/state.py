"""Where the downloads of a machine meet: one folder for every process of this user, unless another is named."""

import os
import tempfile
from pathlib import Path

from pipelines.errors import StorageError


def machine_state_folder() -> Path:
    """Made where it is not there; only its owner may read it."""
    folder = Path(tempfile.gettempdir()) / f"trivium-downloading-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise StorageError(
            f"{folder}: expected a folder of yours, it belongs to somebody else. Remove it, or name a state folder."
        )
    return folder
