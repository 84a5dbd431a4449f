"""The captioner's evaluation: on pictures of its training, moved, and in languages and of concepts it never saw."""

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmmodels.alignment.aligner import Aligner
from mmmodels.evaluation.intervals import mean_interval, resampled
from mmmodels.evaluation.nearest import Nearest, aligner_of
from mmmodels.evaluation.text_metrics import MAX_N, bleu, bleu_counts, cider_d, rouge_l
from mmmodels.generative.bundles import LoadedGenerator, load_generator
from mmmodels.generative.decoding import generate
from mmmodels.preparing import Prepared
from mmmodels.preparing.texts import one_of_each
from mmmodels.tasks.captioning import TASK, CaptioningTask
from mmmodels.towers.augmentation import random_affine
from mmmodels.towers.chance import sample_keys
from pipelines.curation.splits import Split

MAX_QUESTIONS = 1200
BATCH = 128
STRENGTH = 0.2
_SEED = 7_777_777
CLIP_SCALE = 2.5
PROTOCOL = {
    "version": 1,
    "questions": f"every (picture, language) with a text, spread evenly over the view, {MAX_QUESTIONS} a set at most",
    "trained": "pictures and texts that training has read",
    "trained_moved": f"the same, pictures scaled, turned and shifted by chance (strength {STRENGTH})",
    "held_out_language": "pictures of concepts that training has seen, in a language in which it never read their text",
    "held_out_concept": "pictures of concepts that training has never seen",
    "exact": "equal to the reference but for case, Unicode form and spaces",
    "words": "lower case; scripts without spaces by character; CIDEr-D's n-gram weights within each language",
    "clip_score": f"{CLIP_SCALE} x cosine of picture and text by the parent aligner, at least 0 (Hessel et al. 2021)",
    "chance": "what the text of the nearest training picture of another concept scores, by the parent aligner's cosine",
    "intervals": "95 % bootstrap over concepts, 1000 resamples",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    """Pictures with a language that they are to be described in; arrays and lists of equal length."""

    name: str
    rows: NDArray[np.int64]
    languages: list[str]
    references: list[str]
    groups: NDArray[np.int64]
    is_moved: bool = False


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The suite `captioning`: see PROTOCOL."""
    found = load_generator(bundle_uri, tasks=("caption",))
    task = CaptioningTask(recipe=found.recipe, data=data, parent=None)
    aligner = aligner_of(bundle_uri, found.recipe)
    nearest = Nearest.of(task, aligner) if aligner else None
    details: dict[str, Any] = {"metrics": {}, "by_language": {}, "examples": {}, "has_aligner": aligner is not None}
    queries: list[dict[str, Any]] = []
    for asked in question_sets(task):
        guesses = answered(found, data, asked)
        others = nearest.texts_of(asked.rows, asked.languages, asked.groups) if nearest else None
        scores, chances = (_scores(asked, texts, data, aligner) for texts in (guesses, others))
        assert scores is not None
        details["metrics"] |= _metrics(asked, scores, chances)
        details["metrics"] |= _bleu_metrics(asked, guesses, others)
        details["by_language"][asked.name] = _by_language(asked, scores)
        details["examples"][asked.name] = _examples(asked, guesses, others)
        queries += _queries(data, asked, scores)
    return details, queries


def question_sets(task: CaptioningTask) -> list[Questions]:
    """Those of the protocol that are not empty."""
    spoken, data = task.spoken, task.data
    unseen = data.in_split(Split.HELD_OUT_CONCEPT)[spoken.row]
    said, trained = task.is_said & task.is_asked, spoken.may_be_trained_on & task.is_asked
    # In a corpus of few languages a concept may have no trained text left: then nothing of it was seen.
    seen = np.isin(data.groups, data.groups[spoken.row[trained]])[spoken.row]
    chosen = {
        "trained": trained,
        "trained_moved": trained,
        "held_out_language": said & ~trained & ~unseen & seen,
        "held_out_concept": said & unseen,
    }
    found = [_questions(task, name, mask) for name, mask in chosen.items()]
    return [asked for asked in found if asked.languages]


def _questions(task: CaptioningTask, name: str, chosen: NDArray[np.bool_]) -> Questions:
    every = one_of_each(task.spoken, chosen, task.data.images)
    places = every[np.linspace(0, len(every) - 1, min(len(every), MAX_QUESTIONS)).round().astype(np.int64)]
    rows = task.spoken.row[places]
    return Questions(
        name=name,
        rows=rows,
        languages=[task.spoken.languages[number] for number in task.spoken.language[places]],
        references=task.data.distinct.some(task.numbers[places]),
        groups=task.data.groups[rows],
        is_moved=name == "trained_moved",
    )


def answered(found: LoadedGenerator, data: Prepared, asked: Questions) -> list[str]:
    """What the model says, by the decoding of its recipe."""
    vocabulary, texts = found.vocabulary, list[str]()
    for start in range(0, len(asked.rows), BATCH):
        some = slice(start, start + BATCH)
        images = torch.from_numpy(np.ascontiguousarray(data.media["image"].read(asked.rows[some])))
        answers = generate(
            found.model,
            {"image": moved(images, first=start) if asked.is_moved else images},
            [vocabulary.prompt(TASK, language) for language in asked.languages[some]],
            vocabulary=vocabulary,
            decoding=found.recipe.generator.decoding,
            allowed=vocabulary.kinds("text"),
        )
        texts += [vocabulary.decode(answer.ids) for answer in answers]
    return texts


def moved(images_BCHW: torch.Tensor, *, first: int) -> torch.Tensor:
    """uint8 pictures as training moves them, by chance that no step of it draws."""
    keys_B = sample_keys(_SEED, torch.arange(len(images_BCHW)) + first)
    pictures = random_affine(images_BCHW.float() / 255, keys_B, strength=STRENGTH)
    return (pictures * 255).round().clamp(0, 255).to(torch.uint8)


def plain(text: str) -> str:
    """As exact names are compared."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _scores(
    asked: Questions, texts: list[str] | None, data: Prepared, aligner: Aligner | None
) -> dict[str, NDArray[np.float64]] | None:
    if texts is None:
        return None
    references = [[reference] for reference in asked.references]
    pairs = zip(asked.references, texts, strict=True)
    found = {
        "exact": np.array([plain(reference) == plain(text) for reference, text in pairs], dtype=np.float64),
        "rouge_l": rouge_l(references, texts),
        "cider_d": np.zeros(len(texts)),
    }
    for language in set(asked.languages):
        places = [place for place, name in enumerate(asked.languages) if name == language]
        found["cider_d"][places] = cider_d([references[at] for at in places], [texts[at] for at in places])
    if aligner is not None:
        images = aligner.embed_tensor("image", data.media["image"].read(asked.rows))
        cosines = (images * aligner.embed_texts(texts)).sum(axis=1)
        found["clip_score"] = CLIP_SCALE * np.maximum(cosines, 0).astype(np.float64)
    return found


def _metrics(
    asked: Questions, scores: dict[str, NDArray[np.float64]], chances: dict[str, NDArray[np.float64]] | None
) -> dict[str, Any]:
    found = {}
    for name, values in scores.items():
        chance = float(chances[name].mean()) if chances else 0.0
        found[f"{asked.name}/{name}"] = _row(values, asked.groups, chance)
    if chances:
        found[f"{asked.name}/cider_d_above_nearest"] = _row(scores["cider_d"] - chances["cider_d"], asked.groups, 0.0)
    return found


def _row(values: NDArray[np.float64], groups: NDArray[np.int64], chance: float) -> dict[str, float]:
    low, high = mean_interval(values, clusters=groups)
    return {"value": float(values.mean()), "low": low, "high": high, "n": len(values), "chance": chance}


def _bleu_metrics(asked: Questions, guesses: list[str], others: list[str] | None) -> dict[str, Any]:
    references = [[reference] for reference in asked.references]
    counts = bleu_counts(references, guesses)
    values, draws = bleu(counts.sum(axis=0)), bleu(resampled(counts, clusters=asked.groups))
    chances = bleu(bleu_counts(references, others).sum(axis=0)) if others else np.zeros(MAX_N)
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return {
        f"{asked.name}/bleu_{n + 1}": {
            "value": float(values[n]),
            "low": float(low[n]),
            "high": float(high[n]),
            "n": len(guesses),
            "chance": float(chances[n]),
        }
        for n in range(MAX_N)
    }


def _by_language(asked: Questions, scores: dict[str, NDArray[np.float64]]) -> dict[str, dict[str, float]]:
    names = np.array(asked.languages)
    return {
        language: {"n": int((names == language).sum())}
        | {name: float(values[names == language].mean()) for name, values in scores.items()}
        for language in sorted(set(asked.languages))
    }


def _examples(
    asked: Questions, guesses: list[str], others: list[str] | None, *, count: int = 20
) -> list[dict[str, str]]:
    """Evenly spread, for a person to read."""
    places = np.linspace(0, len(guesses) - 1, min(count, len(guesses))).round().astype(int)
    return [
        {"language": asked.languages[at], "reference": asked.references[at], "said": guesses[at]}
        | ({"nearest": others[at]} if others else {})
        for at in places
    ]


def _queries(data: Prepared, asked: Questions, scores: dict[str, NDArray[np.float64]]) -> list[dict[str, Any]]:
    uids, groups = (data.table[name].take(asked.rows).to_pylist() for name in ("uid", "group"))
    return [
        {"metric": f"{asked.name}/{name}", "uid": f"{uid}/{language}", "group": group, "hit": float(hit)}
        for name in ("exact", "cider_d")
        for uid, group, language, hit in zip(uids, groups, asked.languages, scores[name], strict=True)
    ]
