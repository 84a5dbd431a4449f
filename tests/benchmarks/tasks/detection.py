"""Detection on composed scenes: packed, measured and curated under the root where they are not there yet."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy
from pipelines.shards.packing import PackingConfig, pack
from pipelines.signals.measuring import measure
from pipelines.sources.catalog import find_corpus, open_source
from pipelines.storage import exists
from tests.benchmarks.tasks.bench import Bench
from tests.benchmarks.tasks.figures import Figure

CORPUS = "openmoji-scenes"
BAR = 0.5


def figures(bench: Bench) -> Iterator[Figure]:
    """Average precision on held-out layouts by recipe detect_tiny; pictures of a dozen lie beside the report."""
    scenes = replace(bench, view_name=_view(bench))
    result = scenes.train("detect_tiny")
    report = scenes.report(result.bundle_uri)
    for name, metric in report["metrics"].items():
        has_bar = name == "held_out/map_50"
        yield Figure(
            what=f"detection {name}",
            value=metric["value"],
            low=metric["low"],
            high=metric["high"],
            n=metric["n"],
            relation=">=" if has_bar else "",
            bar=BAR if has_bar else None,
            note=f"trained in {result.seconds:.0f} s; see {report['pictures']['scenes']}" if has_bar else "",
        )
    yield Figure(what="detection seconds of training", value=result.seconds, relation="<=", bar=600)


def _view(bench: Bench) -> str:
    source = open_source(find_corpus(CORPUS), cache=Path(".trivium/cache"))
    if not exists(bench.layout.current_view(CORPUS)):
        snapshot = pack(source, layout=bench.layout, config=PackingConfig()).snapshot
        measure(bench.layout, snapshot)
        curate(bench.layout, [snapshot], policy=load_policy("default"), view=CORPUS)
    return CORPUS
