"""The verbs `embed` and `predict`: a model on files from a shell."""

import argparse
from pathlib import Path
from typing import Any

from mmmodels.errors import CheckpointError, RecipeError
from mmmodels.tasks.inputs import Inputs
from mmmodels.tasks.register import KINDS
from mmmodels.verbs import overrides
from pipelines.storage import read_json, replacing

MEDIA = {"image": "JPEG, PNG or WebP", "audio": "FLAC, WAV, OGG or MP3", "video": "MP4, WebM or Matroska"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `embed` and `predict`."""
    parser.add_argument("model", help="folder of a bundle, e.g. ROOT/checkpoints/RUN_KEY/bundle")
    for name, formats in MEDIA.items():
        parser.add_argument(f"--{name}", type=Path, help=f"{formats} file")
    parser.add_argument("--text", help="a text")
    parser.add_argument("--prompt", default="", help="what a model that writes is asked")
    parser.add_argument("--language", default="", help="BCP 47, of what it writes")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the task's decoding")
    parser.add_argument("--output", type=Path, help="write the answer here, in the form that the name's end asks for")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """`embed`: vectors and the cosines between them; `predict`: what the model's task answers."""
    media = {name: _bytes(getattr(args, name)) for name in MEDIA}
    options = overrides(args.option, "--option")
    inputs = Inputs(**media, text=args.text, prompt=args.prompt, language=args.language, options=options)
    return _embed(args.model, inputs) if args.verb == "embed" else _predict(args, inputs)


def _bytes(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}). Name a file.") from error


def _predict(args: argparse.Namespace, inputs: Inputs) -> dict[str, Any]:
    module = KINDS[_task_of(args.model)].load()
    answer: dict[str, Any] = module.predict(args.model, inputs)
    if args.output is None:
        return answer
    if not hasattr(module, "rendered"):
        raise RecipeError(f"--output {args.output}: this model's answers have no other form. Leave it out; try --json.")
    data: bytes = module.rendered(answer, inputs, suffix=args.output.suffix)
    with replacing(str(args.output)) as aside:
        aside.write_bytes(data)
    return answer | {"output": str(args.output)}


def _task_of(bundle: str) -> str:
    try:
        config: Any = read_json(f"{bundle}/config.json")
        return str(config["recipe"]["task"])
    except (FileNotFoundError, KeyError, TypeError) as error:
        raise CheckpointError(f"{bundle}: not a model bundle. Name the folder of a run's bundle.") from error


def _embed(bundle: str, inputs: Inputs) -> dict[str, Any]:
    from mmmodels.tasks.alignment import embedded

    cosines, vectors = embedded(bundle, inputs)
    return cosines | vectors
