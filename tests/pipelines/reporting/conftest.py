"""The tiny corpus as a view with two rules that drop, and captions that would be markup if they were let."""

from pathlib import Path

import pytest

from pipelines.curation.curating import curate
from pipelines.curation.policy import Policy, parse_policy
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.measuring import measure
from pipelines.sources.folder import open_folder

NASTY = '<script>alert(1)</script><img src=x onerror=alert(2)> & "more" </q></figure></script>'
SQL = """-- Drops <i>cats</i>.
-- $max_luminance = 0.5
-- $max_seconds = 60.0
-- $min_characters = 4
select
  uid,
  characters < $min_characters as cats,
  luminance_mean < -$max_luminance as dark,
  duration_seconds > $max_seconds as too_long
from samples"""


@pytest.fixture
def nasty_policy() -> Policy:
    return parse_policy("<b>mine</b>", SQL)


@pytest.fixture
def nasty_view(tiny_corpus: Path, tmp_path: Path, nasty_policy: Policy) -> View:
    """Twelve samples in three shards; "cat", "dog", "car" are too short."""
    (tiny_corpus / "food" / "apple.en.txt").write_text(NASTY)
    layout = Layout(str(tmp_path / "root"))
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    snapshot = pack(source, layout=layout, config=PackingConfig(samples_per_shard=5, num_workers=1)).snapshot
    measure(layout, snapshot, num_workers=1)
    report = curate(layout, [snapshot], policy=nasty_policy, view="main")
    return open_view(layout, report.view, report.digest)
