"""No process is left behind: not by a journey that is interrupted, not by services that are stopped."""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

STOP_SECONDS = 5.0
INSIST_SECONDS, INTERRUPTS = 5.0, 4
"""How long an interrupt may take before it is repeated, and how often."""
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that `end_children` finds them (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def obey_interrupts() -> None:
    """Ctrl-C, a `kill` and a closed terminal all end this process in order, also where a library swallows the first.

    An interrupt is an exception in whatever runs; raised inside an import or a callback it may be caught and lost. So
    a thread hears every signal too, repeats it, and in the end does not ask any more.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.raise_signal(signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_insist, args=(ours, theirs), daemon=True).start()


def _insist(ours: socket.socket, theirs: socket.socket) -> None:
    del theirs  # held, so that it stays open
    while ours.recv(1)[0] not in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        pass
    for _ in range(INTERRUPTS):
        time.sleep(INSIST_SECONDS)
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(INSIST_SECONDS)
    end(descendants(os.getpid()))
    os._exit(130)


def end_children() -> None:
    """End every descendant of this process; no interrupt stops that half-way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end(descendants(os.getpid()))


def end(processes: Sequence[int]) -> None:
    """End processes: asked first, killed after a few seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in filter(is_running, processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        deadline = time.monotonic() + STOP_SECONDS
        while any(map(is_running, processes)) and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            time.sleep(0.05)


def descendants(process: int) -> list[int]:
    """Ids of the processes below one; none where the system has no /proc."""
    found: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *descendants(child)]
    return found


def is_running(process: int) -> bool:
    """Whether there is a process of that id that has not ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    status = Path(f"/proc/{process}/stat")
    with contextlib.suppress(OSError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return True
