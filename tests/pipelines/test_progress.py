import time

import pytest

from pipelines.progress import track


def test_items_pass_through_in_order():
    assert list(track(range(5), total=5, what="count")) == [0, 1, 2, 3, 4]


def test_a_quick_stage_says_nothing(capsys: pytest.CaptureFixture[str]):
    list(track(range(3), total=3, what="count"))
    assert capsys.readouterr().err == ""


def test_a_slow_stage_tells_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    list(track(range(3), total=3, what="count"))
    assert capsys.readouterr().err.splitlines() == [
        "count: 1/3 after 20 s",
        "count: 2/3 after 40 s",
        "count: 3/3 after 60 s",
    ]
