"""What a figure depends on beside the code: processor, cores, accelerator, versions. No names of hosts, no paths."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path

PACKAGES = (
    *("trivium", "duckdb", "numpy", "open_clip_torch", "pillow", "pyarrow", "scipy", "soundfile"),
    *("timm", "torch", "torchvision", "webdataset"),
)


def facts() -> dict[str, object]:
    """JSON-able; what cannot be known is null."""
    return {
        "processor": _processor(),
        "num_cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "accelerator": _accelerator(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "load_average_1_min": round(os.getloadavg()[0], 1),
    }


def name_of(machine: dict[str, object]) -> str:
    """For a file: processor, cores and accelerator in small letters."""
    words = (machine["processor"], f"{machine['num_cores']} cores", machine["accelerator"] or "")
    return re.sub(r"[^a-z0-9]+", "-", " ".join(str(word) for word in words).lower()).strip("-")


def _processor() -> str:
    """The kernel's name for the model; the architecture where it has none."""
    path = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return named[1].strip() if named else platform.processor() or platform.machine()


def _accelerator() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
