"""Speech recognition on the demo's clips, which are synthetic: voices and words that training never heard."""

from collections.abc import Iterator

from tests.benchmarks.tasks.bench import Bench
from tests.benchmarks.tasks.figures import Figure

CEILING = 0.15
NEAREST = "nearest_neighbour/unseen_words/cer"


def figures(bench: Bench) -> Iterator[Figure]:
    """Of recipe `transcribe_tiny`, with the decoding that is its default."""
    result = bench.train("transcribe_tiny")
    metrics = bench.report(result.bundle_uri)["metrics"]

    def figure(name: str, **bar: object) -> Figure:
        given = {key: metrics[name][key] for key in ("value", "low", "high", "n")}
        return Figure(what=name, **given, **bar)  # type: ignore[arg-type]

    trained = f"trained in {result.seconds:,.0f} s"
    yield figure("unseen_voices_seen_words/cer", relation="<=", bar=CEILING, note=trained)
    # Lower is better: the upper end of the interval has to stay below the baseline.
    words = metrics["unseen_words/cer"]
    baseline = metrics[NEAREST]["value"]
    yield Figure(
        what="unseen_words/cer, upper end",
        value=words["high"],
        n=words["n"],
        relation="<=",
        bar=baseline,
        note="the transcript of the nearest training clip",
    )
    for name in ("unseen_voices/cer", "unseen_voices/wer", "unseen_words/cer", "unseen_words/wer"):
        yield figure(name)
    yield from (figure(name) for name in sorted(metrics) if name.startswith("language/") and name.endswith("/cer"))
