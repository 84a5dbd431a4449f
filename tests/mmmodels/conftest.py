"""One real MLflow database for all tests that need one: making it takes seconds, experiments and models are cheap."""

import pytest

from mmmodels.preparing import Prepared, prepare
from mmmodels.recipes import find_recipe
from mmmodels.tracking import local_tracking_uri, open_client
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.curation.views import View, open_view
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.measuring import measure
from pipelines.sources.folder import open_folder
from tests.corpora import write_patterns
from tests.mmmodels.small import SMALL


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A fresh SQLite tracking database; its artifacts lie beside it."""
    from sqlalchemy import Engine, event

    # Nothing here has to outlive the session: waiting for the disk at every commit would double the time.
    event.listen(Engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    uri = local_tracking_uri(tmp_path_factory.mktemp("home of mlflow"))
    open_client(uri)
    return uri


@pytest.fixture(scope="session")
def patterns_view(tmp_path_factory: pytest.TempPathFactory) -> View:
    """A view with every split in it: 120 things in ten labels, each said in English and French."""
    home = tmp_path_factory.mktemp("patterns")
    layout = Layout(str(home / "root"))
    source = open_folder(write_patterns(home / "patterns"), corpus="patterns", languages=("en", "fr"))
    snapshot = pack(source, layout=layout, config=PackingConfig(samples_per_shard=100, num_workers=1)).snapshot
    measure(layout, snapshot, num_workers=1)
    report = curate(layout, [snapshot], policy=load_policy("default"), view="patterns")
    return open_view(layout, "patterns", report.digest)


@pytest.fixture(scope="session")
def patterns_data(patterns_view: View) -> Prepared:
    """The view with a tokenizer of its own and decoded media."""
    return prepare(patterns_view, config=find_recipe("tiny", SMALL).model)
