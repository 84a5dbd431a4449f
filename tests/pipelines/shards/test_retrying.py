import json
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards import retrying
from pipelines.shards.packing import PackingConfig, PackReport, pack
from pipelines.shards.reading import read_sidecars
from pipelines.shards.verifying import verify
from tests.pipelines.shards.listed import Listed

SNAPSHOT = Snapshot(corpus="listed", snapshot="one")
CONFIG = PackingConfig(samples_per_shard=4, num_workers=1, max_failure_rate=1.0)
NAMES = tuple("abcdefghij")


class Run:
    """A corpus of ten names, packed in changing weather."""

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(str(folder / "root"))
        self.weather = folder / "weather.json"
        self.source = Listed(names=NAMES, weather=self.weather)

    def pack(self, config: PackingConfig = CONFIG, **weather: str) -> PackReport:
        self.weather.write_text(json.dumps(weather))
        return pack(self.source, layout=self.layout, config=config)

    def samples(self) -> list[str]:
        rows = read_sidecars(self.layout, SNAPSHOT).to_pylist()
        return [row["reference"] for row in rows if row["status"] == "success"]

    def files(self) -> dict[str, bytes]:
        folder = Path(self.layout.shards(SNAPSHOT))
        return {path.name: path.read_bytes() for path in sorted(folder.glob("0*"))}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_only_what_failed_for_a_passing_reason_is_tried_again(run: Run):
    first = run.pack(b="away", c="gone", j="away")
    assert first.num_by_status == {"success": 7, "failed_to_download": 3}
    before = run.files()
    again = run.pack()
    assert (again.num_retried, again.num_shards_written, again.num_shards) == (2, 1, 4)
    assert again.num_by_status == {"success": 9, "failed_to_download": 1}
    assert again.num_records == 10
    assert sorted(run.samples()) == sorted(set(NAMES) - {"c"})
    assert {name: run.files()[name] for name in before} == before  # what was there stays as it was
    assert verify(run.layout, SNAPSHOT).problems == ()
    assert run.pack().num_retried == 0


def test_a_try_that_settles_nothing_leaves_no_shard(run: Run):
    before = run.pack(b="away").digest
    again = run.pack(b="away")
    assert (again.num_retried, again.num_shards, again.digest) == (1, 3, before)
    assert run.pack(b="gone").num_shards == 4  # now it is known for good
    assert run.pack().num_retried == 0


def test_a_record_may_be_tried_many_times(run: Run):
    run.pack(a="away", b="away", c="away")
    run.pack(b="away", c="away")
    run.pack(c="away")
    final = run.pack()
    assert final.num_by_status == {"success": 10}
    assert sorted(run.samples()) == list(NAMES)
    assert verify(run.layout, SNAPSHOT).problems == ()


def test_trying_again_can_be_left_out(run: Run):
    run.pack(b="away")
    assert run.pack(replace(CONFIG, retry=False)).num_by_status == {"success": 9, "failed_to_download": 1}


def test_every_url_has_a_row_in_the_ledger(run: Run):
    run.pack(b="away", c="gone")
    run.pack()
    rows = [row for shard in range(4) for row in storage.read_table(run.layout.downloads(SNAPSHOT, shard)).to_pylist()]
    assert [row["source_row"] for row in rows] == [*range(10), 1]
    assert [row["outcome"] for row in rows if row["url"] == "http://a/b"] == ["server_error", "fetched"]
    assert {row["http_status"] for row in rows if row["url"] == "http://a/c"} == {404}


@pytest.mark.parametrize("after", ["same_file", "write_json", "write_plan"])
def test_stopped_while_trying_again_it_goes_on_from_there(run: Run, monkeypatch: pytest.MonkeyPatch, after: str):
    config = replace(CONFIG, samples_per_shard=2)
    run.pack(config, a="away", b="away", e="away", f="away")
    calls = 0
    place = retrying if after == "write_plan" else storage
    whole = getattr(place, after)

    def stops(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == (4 if after == "write_json" else 2):
            raise KeyboardInterrupt
        return whole(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(place, after, stops)
        with pytest.raises(KeyboardInterrupt):
            run.pack(config)
    final = run.pack(config)
    assert final.num_by_status == {"success": 10}
    assert sorted(run.samples()) == list(NAMES)
    assert verify(run.layout, SNAPSHOT).problems == ()


def test_a_retry_shard_that_was_lost_is_fetched_anew(run: Run):
    run.pack(b="away")
    run.pack()
    Path(run.layout.stats(SNAPSHOT, 3)).unlink()
    assert run.pack().num_by_status == {"success": 10}
    assert verify(run.layout, SNAPSHOT).problems == ()
