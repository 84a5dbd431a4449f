"""Pretraining by reconstruction, adapters beside full fine-tuning, and towers of every kind at equal steps."""

from typing import Any

from tests.benchmarks.tasks.bench import Bench
from tests.benchmarks.tasks.figures import Figure

MAX_SHARE, MIN_OF_FULL = 0.05, 0.95
# Small layers on top: what learns is to be the adapters.
HEAD = {"fusion__width": "16", "fusion__products": "false"}
LORA = {"tuning__kind": "lora", "tuning__rank": "3"}
ENCODERS: dict[str, dict[str, str]] = {
    "convolutional image and sound, Transformer text (tiny)": {},
    "ResNet image": {"model__image__architecture": "timm:test_resnet"},
    "ViT image": {
        "model__image__architecture": "open_clip:ViT-S-16",
        "model__image__width": "128",
        "model__image__layers": "3",
        "model__image__patch_pixels": "8",
    },
    "LSTM text": {"model__text__architecture": "lstm"},
    "GRU text": {"model__text__architecture": "gru"},
    "convolutional text": {"model__text__architecture": "conv"},
    "GRU sound": {"model__audio__architecture": "gru:128x2"},
    "LSTM sound": {"model__audio__architecture": "lstm:128x2"},
    "ViT sound": {"model__audio__architecture": "timm:test_vit"},
}
ENCODER_STEPS = 150


def figures(bench: Bench) -> list[Figure]:
    """Probes against untrained towers, adapters against full tuning, and the table of encoders."""
    return [*_probes(bench), *_adapters(bench), *_encoders(bench)]


def _probes(bench: Bench) -> list[Figure]:
    run = bench.train("reconstruct_tiny")
    metrics = bench.report(run.bundle_uri)["metrics"]
    errors = [_figure(f"reconstruction: {name}", metrics[name]) for name in metrics if name.endswith("/explained")]
    probes = {name: metric for name, metric in metrics.items() if "untrained_high" in metric}
    return errors + [figure for name, metric in probes.items() for figure in _probe(name, metric, run.seconds)]


def _probe(name: str, metric: dict[str, Any], seconds: float) -> list[Figure]:
    note = f"untrained {metric['untrained']:.3f}, chance {metric['chance']:.3f}; pretrained in {seconds:.0f} s"
    high = metric["untrained_high"]
    lower = f"lower end of {name}, over the upper end of the untrained"
    return [
        _figure(f"linear probe: {name}", metric, note=note),
        Figure(what=lower, value=metric["low"], n=metric["n"], relation=">", bar=high),
    ]


def _adapters(bench: Bench) -> list[Figure]:
    accuracies = {}
    runs = {}
    for kind, settings in (("full", {}), ("lora", LORA)):
        runs[kind] = bench.train("classify_tiny", parent=bench.aligner, **HEAD, **settings)
        accuracies[kind] = bench.report(runs[kind].bundle_uri)["metrics"]["all/accuracy"]
    share = runs["lora"].curve[-1]["trained_share"]
    ratio = accuracies["lora"]["value"] / accuracies["full"]["value"]
    return [
        _figure("classification, all weights tuned", accuracies["full"]),
        _figure("classification, adapters of rank 3", accuracies["lora"]),
        Figure(what="adapters: share of the weights that learn", value=share, relation="<=", bar=MAX_SHARE),
        Figure(what="adapters: accuracy over that of full tuning", value=ratio, relation=">=", bar=MIN_OF_FULL),
    ]


def _encoders(bench: Bench) -> list[Figure]:
    found = []
    for name, settings in ENCODERS.items():
        run = bench.train("tiny", **{"training__num_steps": str(ENCODER_STEPS)} | settings)
        metrics = bench.report(run.bundle_uri)["metrics"]
        recalls = [m for key, m in metrics.items() if key.startswith("held_out_concept/") and key.endswith("r_at_10")]
        mean = sum(m["value"] for m in recalls) / len(recalls)
        note = f"mean of {len(recalls)} directions after {run.num_steps} steps, {run.seconds:.0f} s"
        found.append(Figure(what=f"recall at 10: {name}", value=mean, n=int(recalls[0]["n"]), note=note))
    return found


def _figure(what: str, metric: dict[str, Any], **more: Any) -> Figure:
    return Figure(what=what, value=metric["value"], low=metric["low"], high=metric["high"], n=metric["n"], **more)
