"""The verbs `embed` and `predict`: a model on files from a shell."""

import argparse
from pathlib import Path
from typing import Any

from mmmodels.errors import RecipeError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `embed` and `predict`."""
    parser.add_argument("model", help="folder of a bundle, e.g. ROOT/checkpoints/RUN_KEY/bundle")
    parser.add_argument("--image", type=Path, help="JPEG, PNG or WebP file")
    parser.add_argument("--text", help="a text")
    parser.add_argument("--audio", type=Path, help="FLAC, WAV, OGG or MP3 file")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """`embed`: vectors and the cosines between them; `predict`: labels by probability."""
    image, audio = (_bytes(path) for path in (args.image, args.audio))
    if image is None and audio is None and not args.text:
        raise RecipeError("no input: give at least one of --image, --text, --audio.")
    return _predict(args, image, audio) if args.verb == "predict" else _embed(args, image, audio)


def _bytes(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}). Name a file.") from error


def _predict(args: argparse.Namespace, image: bytes | None, audio: bytes | None) -> dict[str, Any]:
    from mmmodels.tasks.classification import load_classifier

    classifier = load_classifier(args.model)
    (probabilities,) = classifier.predict_proba([image], [args.text], [audio])
    ranked = sorted(zip(classifier.labels, probabilities.tolist(), strict=True), key=lambda pair: -pair[1])
    return dict(ranked)


def _embed(args: argparse.Namespace, image: bytes | None, audio: bytes | None) -> dict[str, Any]:
    from mmmodels.alignment.bundle import load_aligner

    aligner = load_aligner(args.model)
    vectors = {}
    if image is not None:
        vectors["image"] = aligner.embed_images([image])[0]
    if args.text:
        vectors["text"] = aligner.embed_texts([args.text])[0]
    if audio is not None:
        vectors["audio"] = aligner.embed_audio([audio])[0]
    names = list(vectors)
    cosines = {
        f"{left}_{right}_score": float(vectors[left] @ vectors[right])
        for number, left in enumerate(names)
        for right in names[number + 1 :]
    }
    return cosines | {name: vector.tolist() for name, vector in vectors.items()}
