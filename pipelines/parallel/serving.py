"""What runs in a worker: one task after another, until the parent closes or dies."""

import os
import pickle
import signal
import threading
import time
import traceback
from multiprocessing.connection import Connection

_WATCH_SECONDS = 0.5


def serve(descriptor: int, parent: int) -> None:
    """The loop of a worker process: a task in, a result out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    os.set_inheritable(descriptor, False)  # a process that a task starts must not hold our end open
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    connection = Connection(descriptor)
    while True:
        try:
            work = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(attempt(work))


def attempt(work: bytes) -> bytes:
    """Pickled (function, task) to pickled (True, result) or (False, exception)."""
    try:
        function, task = pickle.loads(work)  # noqa: S301 - from our own parent
        return pickle.dumps((True, function(task)))
    except Exception as error:  # noqa: BLE001 - handed to the parent, which raises it
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        return _pickled_failure(error)


def _pickled_failure(error: Exception) -> bytes:
    try:
        data = pickle.dumps((False, error))
        pickle.loads(data)  # noqa: S301 - an exception with its own __init__ may pickle and yet not come back
    except Exception:  # noqa: BLE001
        stand_in = RuntimeError(f"{type(error).__name__}: {error}")
        for note in error.__notes__:
            stand_in.add_note(note)
        return pickle.dumps((False, stand_in))
    return data


def _die_with(parent: int) -> None:
    """End this process when the parent is gone, also when it was killed and could not say so."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)
