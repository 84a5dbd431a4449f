"""One process at a time trains a run: whoever comes second waits for the first and finds its result."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pipelines.storage import HeldError, exclusive

_SECONDS = 1.0
"""Between two looks at whether the other has ended."""


@contextmanager
def alone(folder: str, *, what: str) -> Iterator[None]:
    """Hold the folder of a run, after whoever holds it now; that of a killed process is free at once (see `exclusive`).

    Who has it (process, host, since when) stands in the folder's `.lock`, and is told once on standard error.
    """
    told = False
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(exclusive(folder, what=what))
                break
            except HeldError as error:
                if not told:
                    sys.stderr.write(f"{error} This call waits, and takes its result or goes on with the run.\n")
                    told = True
                time.sleep(_SECONDS)
        yield
