"""Manners: how many requests one host gets at a time and how long it is left alone, by all processes of a machine."""

import asyncio
import hashlib
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.sources.downloading.locks import MachineLocks
from pipelines.sources.downloading.policy import DownloadPolicy

_POLL_SECONDS = 0.03
_SHARE_SECONDS = 0.5
"""A slot is used for this long before it is left to a process that waits."""
_REST_SECONDS = 0.15
_LONGEST_PAUSE_SECONDS = 24 * 3600.0
_MOST_HOSTS = 10_000


@dataclass(slots=True)
class _Host:
    """What this process knows of one host."""

    permits: asyncio.Semaphore
    free: list[int]
    serial: asyncio.Lock = field(default_factory=asyncio.Lock)
    not_before: float = 0.0
    shared_at: float = 0.0
    """When a slot was left to another process last, or the host was idle."""
    num_users: int = 0


class HostLimits:
    """Slots of hosts; for one event loop."""

    def __init__(self, policy: DownloadPolicy, locks: MachineLocks, folder: Path | None) -> None:
        self._policy = policy
        self._locks = locks
        self._folder = folder / "pauses" if folder else None
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, host: str, *, delay_seconds: float = 0.0) -> AsyncIterator[None]:
        """Holds a slot of the host; with a delay one at a time, that long after the one before.

        `TimeoutError` where others keep the host busy, or it asked to be left alone, for longer than the policy waits.
        """
        state = self._state(host)
        if not state.num_users:
            state.shared_at = time.monotonic()
        state.num_users += 1
        try:
            async with state.permits:
                if delay_seconds:
                    async with state.serial, self._slot(host, state, only=0):
                        await self._pause_is_over(host, state)
                        self.pause(host, delay_seconds)
                        yield
                else:
                    async with self._slot(host, state):
                        await self._pause_is_over(host, state)
                        yield
        finally:
            state.num_users -= 1

    def pause(self, host: str, seconds: float) -> None:
        """No request to the host for a while, by no process of the machine."""
        until = time.time() + min(seconds, _LONGEST_PAUSE_SECONDS)
        state = self._state(host)
        state.not_before = max(state.not_before, until)
        if self._folder:
            path = self._pause_path(host)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (until, state.not_before))

    def _state(self, host: str) -> _Host:
        state = self._hosts.get(host)
        if state is None:
            if len(self._hosts) >= _MOST_HOSTS:
                self._hosts = {name: kept for name, kept in self._hosts.items() if kept.num_users}
            slots = list(range(self._policy.per_host))
            state = self._hosts[host] = _Host(permits=asyncio.Semaphore(len(slots)), free=slots)
        return state

    @asynccontextmanager
    async def _slot(self, host: str, state: _Host, only: int | None = None) -> AsyncIterator[None]:
        slot = self._try_slot(host, state, only)
        if slot is None:
            slot = await self._wait_for_slot(host, state, only)
        try:
            yield
        finally:
            self._locks.unlock(host, slot)
            if self._must_share(host, state):
                state.shared_at = time.monotonic()
                asyncio.get_running_loop().call_later(_REST_SECONDS, state.free.append, slot)
            else:
                state.free.append(slot)

    def _try_slot(self, host: str, state: _Host, only: int | None) -> int | None:
        for slot in state.free if only is None else [slot for slot in state.free if slot == only]:
            if self._locks.try_lock(host, slot):
                state.free.remove(slot)
                return slot
        return None

    async def _wait_for_slot(self, host: str, state: _Host, only: int | None) -> int:
        """Polls: the kernel tells nobody when a lock becomes free without a thread that waits for it."""
        self._locks.want(host)
        try:
            async with asyncio.timeout(self._policy.host_wait_seconds):
                while True:
                    await asyncio.sleep(_POLL_SECONDS * random.uniform(0.7, 1.3))
                    slot = self._try_slot(host, state, only)
                    if slot is not None:
                        return slot
        finally:
            self._locks.stop_wanting(host)

    def _must_share(self, host: str, state: _Host) -> bool:
        return time.monotonic() - state.shared_at > _SHARE_SECONDS and self._locks.is_wanted(host)

    async def _pause_is_over(self, host: str, state: _Host) -> None:
        while (seconds := self._earliest(host, state) - time.time()) > 0:
            if seconds > self._policy.max_wait_seconds:
                raise TimeoutError(f"{host} asked to be left alone for {seconds:.0f} seconds")
            await asyncio.sleep(seconds)

    def _earliest(self, host: str, state: _Host) -> float:
        if self._folder is None:
            return state.not_before
        try:
            return max(state.not_before, self._pause_path(host).stat().st_mtime)
        except FileNotFoundError:
            return state.not_before

    def _pause_path(self, host: str) -> Path:
        assert self._folder is not None
        digest = hashlib.blake2b(host.encode(), digest_size=12).hexdigest()
        return self._folder / digest[:2] / digest
