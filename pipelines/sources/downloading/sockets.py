"""The socket of every new connection, made only for an address that may be connected to."""

import os
import socket
from typing import Any

import pycurl

from pipelines.sources.downloading.addresses import Addresses


class SocketOpener:
    """libcurl asks it with the address it is about to connect to; what DNS or a redirect said is of no account."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self.refusals: list[str] = []
        """Of this request; empty them before the next."""
        self.num_opened = 0

    def __call__(self, purpose: int, address: Any) -> "_Handed | int":  # noqa: ARG002 - libcurl's signature
        refusal = self._addresses.refusal(str(address.addr[0]))
        if refusal:
            self.refusals.append(refusal)
            return int(pycurl.SOCKET_BAD)
        self.num_opened += 1
        try:
            return _Handed(socket.socket(address.family, address.socktype, address.protocol).detach())
        except OSError:  # no descriptor left, or a family that this machine does not speak: a failed connection
            return int(pycurl.SOCKET_BAD)

    def reset(self) -> None:
        """A new request begins."""
        self.refusals.clear()
        self.num_opened = 0


class _Handed:
    """pycurl keeps a copy of the descriptor; ours is closed when this goes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)
