"""Pages on free ports, found again by `down`, and processes that leave nothing behind."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assets.home import Home
from assets.processes import descendants, is_running
from assets.services import HOST, Services, free_port

NEST = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', *sys.argv[1:]])"


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_down_ends_a_service_with_everything_below_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", NEST, "4321"]) as parent:
        deadline = time.monotonic() + 10
        while not descendants(parent.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        (child,) = descendants(parent.pid)
        services = Services(Home(tmp_path))
        entry = {"name": "dagster", "process": parent.pid, "url": f"http://{HOST}:4321"}
        services.home.services.write_text(json.dumps([entry]))
        assert "http://127.0.0.1:4321" in services.stop()
        assert not is_running(child)
    assert services.stop() == "nothing was running"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_down_leaves_alone_a_process_that_only_has_the_number(tmp_path: Path) -> None:
    services = Services(Home(tmp_path))
    entry = {"name": "mlflow", "process": os.getpid(), "url": f"http://{HOST}:5999"}
    services.home.services.write_text(json.dumps([entry]))
    assert services.stop() == "nothing was running"


def test_an_ended_process_is_not_running() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        assert not is_running(process.pid)
    assert is_running(os.getpid())
