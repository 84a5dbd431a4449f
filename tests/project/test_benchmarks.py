"""Does the bench start, and are its figures what it says they are?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import _cells
from tests.benchmarks.names import STAGES
from tests.benchmarks.rows import Row, Runs, Settings, alternate, one_core

ROOT = Path(__file__).parents[2]


def row(ours: tuple[float, ...], peer: tuple[float, ...] = ()) -> Row:
    return Row(what="w", unit="samples/s", on="1 core", runs=Runs(ours=ours, peer=peer))


class Work:
    """Work that moves a clock by the seconds it is given, and writes down who worked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []

    def of(self, name: str, *seconds: float, amount: int = 100):
        left = iter(seconds)

        def work() -> int:
            self.now += next(left)
            self.done.append(name)
            return amount

        return work

    def clock(self) -> float:
        return self.now


def test_every_row_is_listed_without_measuring_anything():
    command = [sys.executable, "-m", "tests.benchmarks", "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [stage for stage, names in STAGES.items() for _ in names]
    for line, name in zip(lines, (name for names in STAGES.values() for name in names), strict=True):
        assert name in line


def test_every_stage_is_a_module_of_its_own():
    for stage in STAGES:
        text = (ROOT / f"tests/benchmarks/{stage}.py").read_text()
        assert re.search(
            r"^def rows\(settings: Settings(, \w+: [^=]+ = None)?\) -> Iterator\[Row\]:", text, re.MULTILINE
        ), stage


def test_a_ratio_is_that_of_the_medians_with_the_range_of_the_pairs():
    measured = row((10.0, 40.0, 30.0), (10.0, 20.0, 12.0))
    assert (measured.ours, measured.peer, measured.ratio) == (30.0, 12.0, 2.5)
    assert measured.ratio_range == (1.0, 2.5)


def test_a_slower_row_says_so():
    assert row((1.0,), (4.0,)).ratio == 0.25
    assert " 0.25 " in _cells(row((1.0,), (4.0,)))


def test_a_row_without_a_peer_has_no_ratio():
    alone = row((1.0, 2.0))
    assert (alone.peer, alone.ratio, alone.ratio_range) == (None, None, None)
    assert alone.as_json()["ratio"] is None
    assert _cells(alone).split()[:2] == ["w", "1.5"]


def test_runs_alternate_and_the_first_of_each_is_not_counted():
    work = Work()
    ours, peer = work.of("a", 99, 1, 2), work.of("b", 99, 4, 5)
    runs = alternate(ours, peer, num_pairs=2, clock=work.clock, cpu_clock=lambda: work.now / 2)
    assert runs == Runs(ours=(100.0, 50.0), peer=(25.0, 20.0), cpu_share=0.5)
    assert work.done == ["a", "b"] * 3


def test_sides_that_do_different_amounts_of_work_are_not_compared():
    work = Work()
    with pytest.raises(ValueError, match=r"\[100, 101\]"):
        alternate(work.of("a", 1, 1), work.of("b", 1, 1, amount=101), num_pairs=1, clock=work.clock)


def test_quick_runs_are_smaller(tmp_path: Path):
    assert Settings(folder=tmp_path, quick=True).size(1000, 10) == 10
    assert Settings(folder=tmp_path).size(1000, 10) == 1000


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no threads to pin outside Linux")
def test_pinning_ends_with_the_block():
    import os

    before = os.sched_getaffinity(0)
    with one_core() as on:
        assert (on, len(os.sched_getaffinity(0))) == ("1 core", 1)
    assert os.sched_getaffinity(0) == before
