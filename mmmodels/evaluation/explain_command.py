"""The verb `explain`: why a classifier or an aligner says what it says of one sample, as a picture or a page."""

import argparse
from pathlib import Path
from typing import Any

from mmmodels.errors import RecipeError
from mmmodels.tasks.inputs import Inputs
from pipelines.storage import replacing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `explain`."""
    parser.add_argument("model", help="folder of a bundle, e.g. ROOT/checkpoints/RUN_KEY/bundle")
    parser.add_argument("--image", type=Path, help="JPEG, PNG or WebP file")
    parser.add_argument("--audio", type=Path, help="FLAC, WAV, OGG or MP3 file")
    parser.add_argument("--text", help="a text")
    parser.add_argument("--label", default="", help="ask about this label; default: the likeliest one")
    parser.add_argument("--output", type=Path, required=True, help="where to write it: .png or .html")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """The figures, and where the picture or page lies."""
    if args.output.suffix not in (".png", ".html"):
        raise RecipeError(f"--output {args.output}: expected a name that ends in .png or .html. Choose one.")
    inputs = Inputs(image=_bytes(args.image), text=args.text, audio=_bytes(args.audio))

    from mmmodels.evaluation.explaining import explain, scorer_of
    from mmmodels.evaluation.explaining_picture import explanation_html, explanation_png

    scorer, media = scorer_of(args.model, inputs, label=args.label)
    found = explain(scorer, media, text=args.text or "")
    given = [path.name for path in (args.image, args.audio) if path]
    title = " and ".join([*given, *([args.text] if args.text else [])])
    render = explanation_png if args.output.suffix == ".png" else explanation_html
    with replacing(str(args.output)) as aside:
        aside.write_bytes(render(found, title=title))
    return {"output": str(args.output)} | found.as_json()


def _bytes(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}). Name a file.") from error
