"""`python -m tests.benchmarks.choices --root R --view V`: variants of `tiny` that differ in one design choice.

Every variant takes equally many steps on equal seeds and is evaluated on the held-out sets. Runs that are finished are
not repeated: the same command goes on where it was stopped. Figures are in times chance: mean (lowest to highest).
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmmodels.evaluation.reports import evaluate
from mmmodels.recipes import Recipe, find_recipe
from mmmodels.tracking import local_tracking_uri
from mmmodels.training.launch import train
from mmmodels.verbs import overrides
from pipelines.curation.views import View, find_view
from pipelines.layout import Layout

DIRECTIONS = [f"{a}_to_{b}" for a in ("image", "text", "audio") for b in ("image", "text", "audio") if a != b]
COLUMNS = [("held_out_concept", "r_at_10"), ("held_out_language", "r_at_1"), ("held_out_voice", "r_at_1")]
VIT = "timm:test_vit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """What differs from `tiny`."""

    settings: Mapping[str, str] = field(default_factory=dict)
    mixture: Mapping[str, int] = field(default_factory=dict)

    def recipe(self, *, num_steps: int | None, seed: int) -> Recipe:
        """To be trained in this process."""
        steps = {"training.num_steps": str(num_steps)} if num_steps else {}
        common = {"training.num_workers": "0", "training.seed": str(seed), "training.validation_batches": "0"}
        recipe = find_recipe("tiny", common | steps | dict(self.settings))
        return replace(recipe, mixture=dict(self.mixture)) if self.mixture else recipe


VARIANTS: dict[str, Variant] = {
    "tiny": Variant(),
    "loss siglip": Variant(settings={"model.loss": "siglip"}),
    "hub text": Variant(settings={"model.hub": "text"}),
    "hub image": Variant(settings={"model.hub": "image"}),
    "negatives of the same group": Variant(settings={"model.masks_groups": "false"}),
    "image tower ViT": Variant(settings={"model.image.architecture": VIT}),
    "audio tower ViT": Variant(settings={"model.audio.architecture": VIT}),
    "late interaction 0.5": Variant(settings={"model.late_weight": "0.5"}),
    "triples alone": Variant(mixture={"triple": 1}),
    "as many image-text as triples": Variant(mixture={"triple": 1, "image_text": 1}),
    "vocabulary 2048": Variant(settings={"model.text.vocab_size": "2048"}),
    "vocabulary 8192": Variant(settings={"model.text.vocab_size": "8192"}),
    "no augmentation": Variant(settings={"training.augmentation": "0"}),
    "batch 256": Variant(settings={"training.batch_size": "256"}),
    "batch 128": Variant(settings={"training.batch_size": "128"}),
}


def main(argv: Sequence[str] | None = None) -> int:
    """One table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.choices", description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--view", required=True, help="VIEW or VIEW/DIGEST")
    parser.add_argument("--steps", type=int, help="of every variant; default: the recipe's own")
    parser.add_argument("--seeds", default="0,1,2", help="default: %(default)s")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), metavar="VARIANT", help=", ".join(VARIANTS))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of every variant")
    args = parser.parse_args(argv)
    seeds, view = [int(seed) for seed in args.seeds.split(",")], find_view(Layout(str(args.root)), args.view)
    common = overrides(args.set)
    _header()
    for name in args.only or VARIANTS:
        variant = replace(VARIANTS[name], settings=common | dict(VARIANTS[name].settings))
        runs = [_run(variant.recipe(num_steps=args.steps, seed=seed), args.root, view) for seed in seeds]
        print(_row(name, runs), flush=True)
    arguments = " ".join(f"'{part}'" if " " in part else part for part in (argv or sys.argv[1:]))
    print(f"\n`python -m tests.benchmarks.choices {arguments}`")
    return 0


def _run(recipe: Recipe, root: Path, view: View) -> tuple[float, dict[str, Any]]:
    """Seconds of the loop and the metrics; both are read where they are there already."""
    place: dict[str, Any] = {"layout": Layout(str(root)), "view": view.view, "view_digest": view.digest}
    result = train(recipe, tracking_uri=local_tracking_uri(root.resolve().parent / "mlflow"), **place)
    return result.seconds, evaluate(result.bundle_uri, **place)["metrics"]


def _header() -> None:
    held_out = [f"{evaluated.removeprefix('held_out_')} R@{cutoff[5:]}" for evaluated, cutoff in COLUMNS]
    print("Times chance, mean over seeds (lowest to highest); a direction is from the query to what is looked for.\n")
    cells = ["variant", "seconds", *(f"{name} {_short(way)}" for name in held_out for way in DIRECTIONS)]
    print(f"| {' | '.join(cells)} |\n|{' --- |' * len(cells)}")


def _row(name: str, runs: Sequence[tuple[float, Mapping[str, Any]]]) -> str:
    cells = [name, f"{sum(seconds for seconds, _ in runs) / len(runs):.0f}"]
    for evaluated, cutoff in COLUMNS:
        for way in DIRECTIONS:
            key = f"{evaluated}/{way}/{cutoff}"
            found = [metrics[key]["value"] / metrics[key]["chance"] for _, metrics in runs if key in metrics]
            spread = f" ({min(found):.1f} to {max(found):.1f})" if len(found) > 1 else ""
            cells.append(f"{sum(found) / len(found):.1f}{spread}" if found else "")
    return f"| {' | '.join(cells)} |"


def _short(way: str) -> str:
    return way.replace("_to_", ">").replace("image", "i").replace("text", "t").replace("audio", "a")


if __name__ == "__main__":
    sys.exit(main())
