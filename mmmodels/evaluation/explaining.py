"""Why a model says what it says of one sample: what each modality, each part of it, and its attention contribute."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmmodels.alignment.aligner import Aligner
from mmmodels.alignment.bundle import load_aligner, read_bundle
from mmmodels.batches import decode_clip, decode_image
from mmmodels.errors import RecipeError
from mmmodels.evaluation.explaining_attention import looked_at
from mmmodels.evaluation.explaining_occlusion import occlude_clip, occlude_image, occlude_words
from mmmodels.recipes import ModelConfig
from mmmodels.tasks.classifier import TASKS, Classifier, load_classifier
from mmmodels.tasks.inputs import Inputs
from mmmodels.towers.tokenizers import tokenize

PROTOCOL = {
    "version": 1,
    "score": "probability of the label, or mean cosine of every two modalities that are there",
    "ablation": "the score from every subset of what was given",
    "occlusion": "windows of 2 x 2 of 8 x 8 cells, 2 of 16 stretches of time, one word; mean fall of the score",
    "attention": "rollout (Abnar and Zuidema 2020), else Grad-CAM (Selvaraju et al. 2017), else none",
}


class Scorer(Protocol):
    """A model with the question that is asked of it."""

    config: ModelConfig
    what: str
    """What the score is, for people."""

    def tower(self, modality: str) -> nn.Module:
        """Of a modality."""
        ...

    def tokenized(self, texts: list[str]) -> Tensor:
        """int64 (n, L)."""
        ...

    def score(self, media: Mapping[str, Tensor]) -> Tensor:
        """(n,) of samples that have these modalities; with a gradient where one is asked for."""
        ...


class LabelScorer:
    """The probability of one label by a classifier: the likeliest, unless another is named."""

    def __init__(self, classifier: Classifier, media: Mapping[str, Tensor], *, label: str = "") -> None:
        self.classifier = classifier
        self.config = classifier.config
        if label and label not in classifier.labels:
            raise RecipeError(f"--label {label}: the model knows {', '.join(classifier.labels)}. Name one of these.")
        with torch.inference_mode():
            likeliest = int(self._probabilities(media).argmax())
        self.number = classifier.labels.index(label) if label else likeliest
        self.what = f"probability of {classifier.labels[self.number]!r}"

    def tower(self, modality: str) -> nn.Module:
        return self.classifier.model.aligner.tower(modality)

    def tokenized(self, texts: list[str]) -> Tensor:
        return self.classifier.tokenized(texts)

    def score(self, media: Mapping[str, Tensor]) -> Tensor:
        return self._probabilities(media)[:, self.number]

    def _probabilities(self, media: Mapping[str, Tensor]) -> Tensor:
        num, model = len(next(iter(media.values()))), self.classifier.model
        absent = {name: torch.zeros_like(_blank(self.config, name)).expand(num, -1) for name in model.modalities}
        absent |= {"image": torch.zeros(num, 3, *[self.config.image.input_pixels] * 2, dtype=torch.uint8)}
        given = {name: media[name] if name in media else absent[name] for name in model.modalities}
        there = {name: torch.full((num,), name in media) for name in model.modalities}
        return model.logits(given, there).softmax(dim=1)


class CosineScorer:
    """How well what is given goes together, by an aligner: the mean cosine of every two of them."""

    def __init__(self, aligner: Aligner) -> None:
        self.aligner = aligner
        self.config = aligner.model.config
        self.what = "mean cosine of every two modalities"

    def tower(self, modality: str) -> nn.Module:
        return self.aligner.model.tower(modality)

    def tokenized(self, texts: list[str]) -> Tensor:
        return tokenize(self.aligner.tokenizer, texts, config=self.config.text)

    def score(self, media: Mapping[str, Tensor]) -> Tensor:
        vectors = {name: self.aligner.model.embed(name, part) for name, part in media.items()}
        cosines = [(vectors[left] * vectors[right]).sum(dim=1) for left, right in combinations(vectors, 2)]
        return torch.stack(cosines).mean(dim=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Of one sample; falls of the score are positive where a part speaks for the answer."""

    what: str
    score: float
    ablation: Mapping[str, float]
    """Modalities joined by + -> the score from them alone."""
    occlusion: Mapping[str, NDArray[np.float64]]
    """image (8, 8), audio (16,), text (words,)."""
    words: tuple[str, ...]
    attention: Mapping[str, tuple[str, NDArray[np.float64]]]
    """image, audio -> method and map (H, W) from 0 to 1."""
    views: Mapping[str, NDArray[Any]]
    """What the model was given: image (H, W, 3), audio as its log-mel (M, T)."""

    def as_json(self) -> dict[str, Any]:
        """Without the maps of attention and what the model saw."""
        return {
            "what": self.what,
            "score": self.score,
            "ablation": dict(self.ablation),
            "occlusion": {name: np.round(falls, 6).tolist() for name, falls in self.occlusion.items()},
            "words": list(self.words),
            "attention": {name: method for name, (method, _) in self.attention.items()},
        }


def scorer_of(bundle: str, inputs: Inputs, *, label: str = "") -> tuple[Scorer, dict[str, Tensor]]:
    """The question and the decoded sample; RecipeError for a model that neither classifies nor aligns."""
    task = read_bundle(bundle).recipe.task
    given = [name for name in ("image", "text", "audio") if getattr(inputs, name)]
    if task in TASKS:
        classifier = load_classifier(bundle)
        media, there = classifier.decoded([inputs.image], [inputs.text], [inputs.audio])
        media = {name: part for name, part in media.items() if bool(there[name])}
        return LabelScorer(classifier, media, label=label), media
    if task != "align":
        raise RecipeError(f"{bundle}: a model for {task!r}; classifiers and aligners are explained. Name one of these.")
    aligner = load_aligner(bundle)
    usable = [name for name in given if name in aligner.model.config.modalities]
    if len(usable) < 2:
        raise RecipeError(f"{bundle}: an aligner compares, and has only {', '.join(usable) or 'nothing'}. Give two.")
    scorer = CosineScorer(aligner)
    return scorer, {name: _decoded(scorer, name, inputs) for name in usable}


def explain(scorer: Scorer, media: Mapping[str, Tensor], *, text: str = "") -> Explanation:
    """Everything about one sample: some hundred forward passes of it."""
    least = 2 if isinstance(scorer, CosineScorer) else 1
    subsets = [part for size in range(least, len(media) + 1) for part in combinations(media, size)]
    with torch.inference_mode():
        ablation = {"+".join(part): float(scorer.score({name: media[name] for name in part})) for part in subsets}
    occlusion: dict[str, NDArray[np.float64]] = {}
    words: list[str] = []

    def with_variants(modality: str, variants: Tensor) -> NDArray[np.float64]:
        rest = {name: part.expand(len(variants), *part.shape[1:]) for name, part in media.items()}
        scores: NDArray[np.float64] = scorer.score(rest | {modality: variants}).double().numpy()
        return scores

    if "image" in media:
        fill = 255 if scorer.config.image.augmentation == "drawings" else 127
        occlusion["image"] = occlude_image(media["image"][0], lambda part: with_variants("image", part), fill=fill)
    if "audio" in media:
        occlusion["audio"] = occlude_clip(media["audio"][0], lambda part: with_variants("audio", part))
    if "text" in media and text.split():
        words, occlusion["text"] = occlude_words(text, scorer.tokenized, lambda part: with_variants("text", part))
    return Explanation(
        what=scorer.what,
        score=ablation["+".join(media)],
        ablation=ablation,
        occlusion=occlusion,
        words=tuple(words),
        attention=_attention(scorer, media),
        views=_views(scorer, media),
    )


def _attention(scorer: Scorer, media: Mapping[str, Tensor]) -> dict[str, tuple[str, NDArray[np.float64]]]:
    found = {}
    for name in ("image", "audio"):
        if name in media:
            looked = looked_at(scorer.tower(name), lambda: scorer.score(media).sum())
            if looked is not None:
                found[name] = looked
    return found


def _views(scorer: Scorer, media: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    if "image" in media:
        found["image"] = media["image"][0].permute(1, 2, 0).numpy()
    log_mel: Any = getattr(scorer.tower("audio"), "log_mel", None) if "audio" in media else None
    if log_mel is not None:
        with torch.inference_mode():
            found["audio"] = log_mel(media["audio"])[0].numpy()
    return found


def _decoded(scorer: Scorer, modality: str, inputs: Inputs) -> Tensor:
    if modality == "text":
        return scorer.tokenized([inputs.text or ""])
    if modality == "image":
        return torch.from_numpy(decode_image(inputs.image or b"", config=scorer.config.image))[None]
    return torch.from_numpy(decode_clip(inputs.audio or b"", config=scorer.config.audio))[None]


def _blank(config: ModelConfig, modality: str) -> Tensor:
    """(1, n) of a modality that is not there."""
    if modality == "text":
        return torch.zeros(1, config.text.context_length, dtype=torch.int64)
    return torch.zeros(1, config.audio.num_samples, dtype=torch.int16)
