"""A lease on an object store: an object that says who works here and, again and again, that they still do."""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pipelines.storage.places import filesystem_of

LEASE_SECONDS = 40.0
_BEATS = 4
"""Signs of life in the time of a lease."""


class Lease:
    """Made exclusively (a conditional put), kept by a thread, taken over when it shows no sign of life."""

    def __init__(self, uri: str, holder: Mapping[str, Any], *, seconds: float) -> None:
        self._filesystem, self._path = filesystem_of(uri)
        self._holder = dict(holder)
        self._seconds = seconds
        self._ended = threading.Event()
        self._was_lost = False
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def acquire(self) -> dict[str, Any] | None:
        """Nothing where the lease is ours now; else who has it."""
        other = self._try()
        if other and self._is_abandoned(other):
            with suppress(FileNotFoundError):
                self._filesystem.rm_file(self._path)
            other = self._try()
        if other is None:
            self._thread.start()
        return other

    def release(self) -> bool:
        """Give it back; whether it was lost meanwhile."""
        self._ended.set()
        self._thread.join()
        with suppress(Exception):  # a store that is gone ends the lease by time
            if self._is_ours(self._read()):
                self._filesystem.rm_file(self._path)
        return self._was_lost

    def _try(self) -> dict[str, Any] | None:
        try:
            self._filesystem.pipe_file(self._path, self._content(), mode="create")
        except FileExistsError:
            return self._read() or {}
        found = self._read()  # a store that ignores the condition lets the later of two win
        return None if self._is_ours(found) else found

    def _is_abandoned(self, other: Mapping[str, Any]) -> bool:
        """No sign of life for the time of a lease, by the clock and then, as clocks differ, by watching."""
        if time.time() - float(other.get("seen", 0)) < self._seconds:
            return False
        time.sleep(2 * self._seconds / _BEATS)
        return self._read() in (None, other)

    def _keep(self) -> None:
        while not self._ended.wait(self._seconds / _BEATS):
            with suppress(Exception):  # a store that does not answer is asked again
                found = self._read()
                if found is not None and not self._is_ours(found):
                    self._was_lost = True
                    return
                self._filesystem.pipe_file(self._path, self._content())

    def _content(self) -> bytes:
        return json.dumps({**self._holder, "seen": time.time()}).encode()

    def _is_ours(self, found: Mapping[str, Any] | None) -> bool:
        return found is not None and found.get("token") == self._holder["token"]

    def _read(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._filesystem.cat_file(self._path))
        except (FileNotFoundError, ValueError):
            return None
        return found
