"""A real Ray cluster on loopback, of child processes that know nothing of our code."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

Environment = Mapping[str, str]


@contextmanager
def running_head(*options: str) -> Iterator[tuple[str, Environment, int]]:
    """The address of a cluster that is gone with the block, the environment of its nodes, and its process."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # else Ray looks for a token where it can find one
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "RAY_ADDRESS"}}
    with _ray("--head", "--port=0", "--include-dashboard=false", *options, environment=clean) as head:
        assert head.stdout
        told = next(found for line in head.stdout if (found := re.search(r"--address='([^']+)'", line)))
        threading.Thread(target=head.stdout.read, daemon=True).start()
        yield told[1], clean, head.pid


@contextmanager
def running_node(address: str, *options: str, environment: Environment) -> Iterator[subprocess.Popen[str]]:
    """One node more."""
    with _ray(f"--address={address}", *options, environment=environment) as node:
        assert node.stdout
        threading.Thread(target=node.stdout.read, daemon=True).start()
        yield node


@contextmanager
def _ray(*options: str, environment: Environment) -> Iterator[subprocess.Popen[str]]:
    node = subprocess.Popen(
        [str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats", *options],
        cwd="/",
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield node
    finally:
        node.terminate()
        try:
            node.wait(20)
        except subprocess.TimeoutExpired:
            node.kill()
            node.wait()
