"""Loaders of others over the same images, each in a process of its own environment that does one pass when told to."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.peers import python_with

REQUIREMENTS = {
    "energon": "megatron-energon==7.4.1",
    "streaming": "mosaicml-streaming==0.13.0",
    "litdata": "litdata==0.2.76",
}
_WITH = ("torch==2.13.*", "torchvision==0.28.*", "setuptools<81")
_SCRIPTS = Path(__file__).parent / "loaders"


@dataclass(kw_only=True)
class ForeignLoader:
    """A process that waits for lines on its input and answers each with the number of images it has read."""

    version: str
    process: "subprocess.Popen[str]"

    def work(self) -> int:
        """One pass over the images, on the cores of this process."""
        os.sched_setaffinity(self.process.pid, os.sched_getaffinity(0))
        return int(self._answer("pass"))

    def cpu_clock(self) -> float:
        """Processor seconds of both sides."""
        times = psutil.Process(self.process.pid).cpu_times()
        return time.process_time() + times.user + times.system

    def _answer(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        for said in self.process.stdout:
            if said.startswith("{"):
                return str(json.loads(said)["images"])
        raise RuntimeError(f"{self.version} ended: exit {self.process.wait()}")


@contextmanager
def started(name: str, images: Sequence[bytes], folder: Path, batch_size: int) -> Iterator[ForeignLoader | None]:
    """The images in the loader's own format, read once; None, and a printed reason, where it cannot be had."""
    python = python_with(REQUIREMENTS[name], *_WITH)
    if python is None:
        yield None
        return
    (folder / "images").mkdir(parents=True)
    for number, data in enumerate(images):
        (folder / "images" / f"{number:06d}.jpg").write_bytes(data)
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    with (folder / "errors.txt").open("w") as errors:
        process = subprocess.Popen(
            [python, "-P", _SCRIPTS / f"{name}.py", folder, str(batch_size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=variables | {"HOME": str(folder)},
        )
        loader = ForeignLoader(version=REQUIREMENTS[name].replace("==", " "), process=process)
        try:
            loader.work()
        except (RuntimeError, BrokenPipeError) as error:
            last = (folder / "errors.txt").read_text(errors="replace").strip()[-300:]
            print(f"{loader.version} does not run: {error} {last}")  # noqa: T201
            loader = None
        try:
            yield loader
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
