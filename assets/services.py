"""The pages to look at: Dagster's and MLflow's, on free ports of this machine, until they are stopped."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assets.home import Home
from assets.processes import descendants, end, is_running
from pipelines.errors import StorageError

HOST = "127.0.0.1"
FIRST_PORTS = {"dagster": 3000, "mlflow": 5000}
START_SECONDS = 120.0
WORKSPACE = Path(__file__).parents[1] / "workspace.yaml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One page: its process and its address."""

    name: str
    process: int
    url: str


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one home; who they are stands in its `services.json`."""

    home: Home

    def serve(self, *, tell: Callable[[str], None]) -> int:
        """Start both, tell their addresses, wait until they end or Ctrl-C; 0 where they were stopped on purpose."""
        running = [service for service in self.known() if is_running(service.process)]
        if running:
            raise StorageError(f"already up: {_listed(running)}. Stop them with: make down")
        ports = {name: free_port(first) for name, first in FIRST_PORTS.items()}
        for name, port in ports.items():
            if port != FIRST_PORTS[name]:
                tell(f"port {FIRST_PORTS[name]} is taken, {name} takes {port}")
        processes = {name: self._start(name, ports) for name in ("mlflow", "dagster")}
        services = [
            Service(name=name, process=process.pid, url=f"http://{HOST}:{ports[name]}")
            for name, process in processes.items()
        ]
        self._write(services)
        try:
            for service in services:
                _await(service, processes[service.name], self.home)
            tell(f"\n{_listed(services)}\nCtrl-C, or `make down` elsewhere, stops them.")
            while all(process.poll() is None for process in processes.values()):
                time.sleep(0.5)
            if not self.known():
                return 0  # stopped by `make down`
            ended = next(name for name, process in processes.items() if process.poll() is not None)
            raise StorageError(f"{ended} ended by itself. See {self.home.logs}/{ended}.log.")
        except KeyboardInterrupt:
            return 0
        finally:
            _end(services)
            self._write([])

    def stop(self) -> str:
        """End what `serve` started; a sentence about it."""
        running = [service for service in self.known() if is_running(service.process)]
        self._write([])  # first: `serve` sees that its services do not end by themselves
        _end(running)
        return f"stopped: {_listed(running)}" if running else "nothing was running"

    def known(self) -> list[Service]:
        """What `services.json` tells; a process id that another program has by now is not ours."""
        if not self.home.services.is_file():
            return []
        entries = json.loads(self.home.services.read_text(encoding="utf-8"))
        return [Service(**entry) for entry in entries if _is_ours(entry["process"], entry["url"])]

    def _start(self, name: str, ports: dict[str, int]) -> "subprocess.Popen[bytes]":
        """In its own process group, so that Ctrl-C reaches this process first and it can end them in order."""
        environment = {**os.environ, "TRIVIUM_MLFLOW_UI": f"http://{HOST}:{ports['mlflow']}"}
        with (self.home.logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                self._command(name, ports[name]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _command(self, name: str, port: int) -> list[str]:
        programs = Path(sys.executable).parent
        where = ["--host", HOST, "--port", str(port)]
        if name == "mlflow":
            tracking = [
                "--backend-store-uri",
                self.home.tracking_uri,
                "--default-artifact-root",
                self.home.artifact_root,
            ]
            return [str(programs / "mlflow"), "ui", *where, *tracking, "--workers", "1"]
        return [str(programs / "dg"), "dev", "--workspace", str(WORKSPACE), *where]

    def _write(self, services: list[Service]) -> None:
        entries = [{"name": one.name, "process": one.process, "url": one.url} for one in services]
        self.home.services.write_text(json.dumps(entries, indent=1), encoding="utf-8")


def free_port(first: int) -> int:
    """The first port from `first` upward that nobody listens on."""
    for port in range(first, first + 100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
            return port
    raise StorageError(f"ports {first} to {first + 99}: all taken. Stop something that listens on them.")


def _await(service: Service, process: "subprocess.Popen[bytes]", home: Home) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(service.url, timeout=2):  # noqa: S310 - our own address
            return
        time.sleep(0.3)
    raise StorageError(f"{service.name} did not start on {service.url}. See {home.logs}/{service.name}.log.")


def _end(services: list[Service]) -> None:
    """End each service with everything below it."""
    end([one for service in services for one in (service.process, *descendants(service.process))])


def _is_ours(process: int, url: str) -> bool:
    """Whether the process was started with the port of this address, where /proc can tell."""
    command = Path(f"/proc/{process}/cmdline")
    with contextlib.suppress(OSError):
        return url.rpartition(":")[2].encode() in command.read_bytes().split(b"\0")
    return is_running(process)


def _listed(services: list[Service]) -> str:
    return "\n".join(f"  {service.name:<8} {service.url}" for service in services)
