import os
import signal
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import SampleError
from pipelines.layout import Layout
from pipelines.samples import Record, Reference
from pipelines.shards.casualties import watched
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_sidecars
from tests.pipelines.shards.listed import Listed

CONFIG = PackingConfig(samples_per_shard=3, num_workers=2)
NAMES = tuple("abcdef")


@dataclass(frozen=True, kw_only=True)
class Deadly(Listed):
    """Reading `e` kills the process, as a fault in a decoder would, while `deaths` holds lines to spend."""

    deaths: Path

    def _outcome(self, reference: Reference) -> Record | SampleError:
        left = self.deaths.read_text().splitlines()
        if reference.name == "e" and left:
            self.deaths.write_text("\n".join(left[1:]))
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._outcome(reference)


def statuses(layout: Layout, source: Listed, config: PackingConfig = CONFIG) -> dict[str, str]:
    snapshot = pack(source, layout=layout, config=config).snapshot
    return {row["reference"]: row["status"] for row in read_sidecars(layout, snapshot).to_pylist()}


def test_one_death_is_an_accident_and_changes_nothing(tmp_path: Path):
    (tmp_path / "deaths").write_text("once")
    source = Deadly(names=NAMES, deaths=tmp_path / "deaths")
    assert set(statuses(Layout(str(tmp_path / "r")), source).values()) == {"success"}


def test_a_record_that_kills_twice_is_a_row_with_a_reason_and_is_tried_again(tmp_path: Path):
    (tmp_path / "deaths").write_text("once\ntwice\nthrice")
    layout, source = Layout(str(tmp_path / "r")), Deadly(names=NAMES, deaths=tmp_path / "deaths")
    found = statuses(layout, source)
    assert found == {**dict.fromkeys(NAMES, "success"), "e": "refused"}
    assert (tmp_path / "deaths").read_text() == "thrice"
    (tmp_path / "deaths").write_text("")
    assert pack(source, layout=layout, config=CONFIG).num_by_status == {"success": 6}


def test_deaths_of_another_run_do_not_count():
    for run in ("one", "two", "three"):
        descriptor = os.fork()
        if not descriptor:
            with watched(run, "task") as watch:
                watch.note(4)
                os._exit(1)
        os.waitpid(descriptor, 0)
    for run in ("one", "two", "three"):
        with watched(run, "task") as watch:
            assert watch.barred is None
