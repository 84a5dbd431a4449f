"""The outside things that assets use: where corpora lie, where MLflow is, how much of the machine to take."""

import json
from pathlib import Path

import dagster as dg

from mmmodels.registry.gate import Floor, GateConfig
from mmmodels.registry.glance import RegisteredModel, experiment_of, registered_model
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.media import ORIGINAL
from pipelines.shards.packing import packed_as
from pipelines.sources.catalog import Corpus, find_corpus, load_catalog, open_source
from pipelines.sources.source import Source


class CorpusStore(dg.ConfigurableResource[None]):
    """The corpora that are known, and the root that everything made from them lies under."""

    root: str
    """A local folder or a URI such as `s3://bucket/prefix`."""
    cache: str
    """A local folder for what sources download and unpack."""
    user_catalog: str = ""
    """A TOML file like the bundled catalog, with the folders that were named on the command line."""
    user_views: str = ""
    """A TOML file with the views that engineers declare: see `declared.py`."""

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    @property
    def views_file(self) -> Path:
        return Path(self.user_views or "views.toml")

    def catalog(self) -> dict[str, Corpus]:
        """Bundled corpora and the user's; a bundled name means the bundled corpus."""
        mine = Path(self.user_catalog)
        return {**(load_catalog(mine) if mine.is_file() else {}), **load_catalog()}

    def corpus(self, name_or_folder: str) -> Corpus:
        return find_corpus(name_or_folder, catalog=self.catalog())

    def source(self, corpus: Corpus) -> Source:
        """The source in its present state, which may have moved on from the snapshot of a partition."""
        return open_source(corpus, cache=Path(self.cache))

    def present(self, corpus: Corpus) -> Snapshot:
        """What a corpus is packed as today, with the media profile that its entry names."""
        return packed_as(self.source(corpus), corpus.media_profile or ORIGINAL)

    def remember(self, corpus: Corpus) -> None:
        """Keep a folder that was named on the command line, so that a rerun from the UI finds it by its name."""
        if corpus.name in self.catalog():
            return
        fields = {"reader": corpus.reader, "location": corpus.location, "license": corpus.license}
        lines = [
            f"[{json.dumps(corpus.name)}]",
            *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()),
        ]
        with Path(self.user_catalog).open("a", encoding="utf-8") as file:
            file.write("\n".join([*lines, "", ""]))


class Mlflow(dg.ConfigurableResource[None]):
    """Where runs and models are tracked, and the address a person looks at them under."""

    tracking_uri: str
    artifact_root: str
    ui_url: str = "http://127.0.0.1:5000"

    def registered(self, name: str) -> RegisteredModel:
        """Versions, tags and aliases of a registered model; does not import mlflow for a local database."""
        return registered_model(name, tracking_uri=self.tracking_uri)

    def run_url(self, run_id: str) -> str:
        experiment = experiment_of(run_id, tracking_uri=self.tracking_uri)
        return f"{self.ui_url}/#/experiments/{experiment}/runs/{run_id}"

    def version_url(self, name: str, version: int) -> str:
        return f"{self.ui_url}/#/models/{name}/versions/{version}"


class Gate(dg.ConfigurableResource[None]):
    """How far above chance a model must be to become champion; a smoke run may ask for less than a release."""

    held_out_concepts: float = 2.0
    """R@10 over the directions that the corpus has, in times chance; the lower ends of the intervals count."""
    held_out_languages: float = 10.0
    """R@1, averaged over the directions that were measured, in times chance."""

    @property
    def config(self) -> GateConfig:
        concepts = Floor(metrics="held_out_concept/*/r_at_10", at_least=self.held_out_concepts, num_metrics=2)
        languages = Floor(metrics="held_out_language/*/r_at_1", at_least=self.held_out_languages, num_metrics=0)
        return GateConfig(floors=tuple(floor for floor in (concepts, languages) if floor.at_least > 0))


class Compute(dg.ConfigurableResource[None]):
    """How many processes to use on this machine."""

    num_workers: int = 2
    """For packing and measuring."""
    num_training_workers: int = 2
    """Ray Train workers; 0 trains in the asset's own process."""
