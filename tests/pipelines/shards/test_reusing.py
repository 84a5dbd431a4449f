from dataclasses import replace
from pathlib import Path

from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.verifying import verify
from tests.pipelines.shards.listed import Listed

CONFIG = PackingConfig(samples_per_shard=2, num_workers=1)
ONE = Listed(names=("a", "b", "c", "d", "e"))
TWO = replace(ONE, names=(*ONE.names, "f", "g"), snapshot="two")


def tar(layout: Layout, snapshot: str, shard: int) -> Path:
    return Path(layout.tar(Snapshot(corpus="listed", snapshot=snapshot), shard))


def test_a_grown_corpus_builds_only_what_is_new(tmp_path: Path):
    grown, fresh = Layout(str(tmp_path / "grown")), Layout(str(tmp_path / "fresh"))
    pack(ONE, layout=grown, config=CONFIG)
    report = pack(TWO, layout=grown, config=CONFIG)
    assert (report.num_shards_reused, report.num_shards_written, report.num_shards) == (2, 2, 4)
    assert tar(grown, "one", 0).samefile(tar(grown, "two", 0))
    assert verify(grown, report.snapshot).problems == ()
    assert report.digest == pack(TWO, layout=fresh, config=CONFIG).digest


def test_other_settings_share_nothing(tmp_path: Path):
    layout = Layout(str(tmp_path))
    pack(ONE, layout=layout, config=CONFIG)
    other = replace(TWO, settings="another licence", license="MIT")
    report = pack(other, layout=layout, config=CONFIG)
    assert (report.num_shards_reused, report.num_by_license) == (0, {"MIT": 7})


def test_other_limits_share_what_is_cut_alike(tmp_path: Path):
    layout = Layout(str(tmp_path))
    pack(ONE, layout=layout, config=CONFIG)
    report = pack(TWO, layout=layout, config=replace(CONFIG, samples_per_shard=3))
    assert report.num_shards_reused == 0
    assert verify(layout, report.snapshot).problems == ()


def test_a_changed_record_is_built_again(tmp_path: Path):
    layout = Layout(str(tmp_path))
    pack(ONE, layout=layout, config=CONFIG)
    changed = replace(TWO, names=("a", "B", *TWO.names[2:]))
    assert pack(changed, layout=layout, config=CONFIG).num_shards_reused == 1
