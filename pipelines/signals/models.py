"""Small models inside installed packages, run by onnxruntime: no download, and torch is not imported for them."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipelines.errors import SignalError


@cache
def session_of(package: str, file: str, *, family: str) -> Any:
    """One session per process, on one thread: the worker processes are what runs in parallel.

    The package's folder is found without importing it. `SignalError` where the extra named like the family is absent.
    """
    name = family.partition("@")[0]
    try:
        import onnxruntime

        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError(f"No module named {package!r}")
    except ImportError as error:
        raise SignalError(
            f"signal family {family}: its model cannot be loaded, expected the extra `{name}` ({error}). "
            f"Run: pip install 'trivium[{name}]'."
        ) from error
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    path = Path(spec.submodule_search_locations[0]) / file
    if not path.is_file():
        raise SignalError(
            f"signal family {family}: {path} is not there, expected a version of {package} that brings it. "
            f"Run: pip install --upgrade 'trivium[{name}]'."
        )
    return onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
