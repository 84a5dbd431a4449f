"""Answers of a generator: greedy, beam search or sampling by transformers' own loop with its cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmmodels.errors import RecipeError
from mmmodels.generative.memory import Memory, attending
from mmmodels.generative.model import Generator
from mmmodels.generative.sequences import padded_before, sequences
from mmmodels.generative.vocabulary import Vocabulary
from mmmodels.recipes import DecodingConfig, Recipe
from mmmodels.recipes.values import overridden

# Shapes: B batch, L tokens, N positions, V vocabulary.


_STRATEGY_OF = {
    **dict.fromkeys(("num_beams", "length_penalty"), "beam"),
    **dict.fromkeys(("temperature", "top_k", "top_p", "seed"), "sample"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model said."""

    ids: list[int]
    """Without the end."""
    log_likelihood: float
    """Of all tokens, the end among them, in nats."""
    is_whole: bool
    """It came to its end before max_new_tokens."""


def decoding_of(recipe: Recipe, options: Mapping[str, str]) -> DecodingConfig:
    """The recipe's own with options such as num_beams=4 over it; an option of one strategy chooses that strategy."""
    chosen = {f"generator.decoding.{name}": value for name, value in options.items()}
    if "strategy" not in options:
        wanted = {_STRATEGY_OF[name] for name in options if name in _STRATEGY_OF}
        if len(wanted) > 1:
            raise RecipeError(
                f"options {', '.join(options)}: some are of beam search, some of sampling. Give those of one, or "
                "strategy=... too."
            )
        chosen |= {"generator.decoding.strategy": wanted.pop()} if wanted else {}
    return overridden(recipe, chosen).generator.decoding


def generate(
    model: Generator,
    media: Mapping[str, Tensor],
    prompts: Sequence[Sequence[int]],
    *,
    vocabulary: Vocabulary,
    decoding: DecodingConfig,
    allowed: Tensor | None = None,
) -> list[Answer]:
    """An answer to each prompt about its row of the media; the model should be in `eval`.

    `allowed` (V,) are the ids that may be said. An answer by greedy or beam search does not hang on the batch.
    """
    with torch.inference_mode():
        memory = model.memory(media)
        said = _said(model, memory, prompts, vocabulary, decoding, allowed)
        return _answers(model, memory, prompts, said, vocabulary)


def greedy_by_recomputing(
    model: Generator,
    media: Mapping[str, Tensor],
    prompts: Sequence[Sequence[int]],
    *,
    vocabulary: Vocabulary,
    max_new_tokens: int,
    allowed: Tensor | None = None,
) -> list[list[int]]:
    """Greedy answers by a plain loop that reads everything again for every token: what `generate` is held to.

    transformers always caches where it is given embeddings, whatever it is told; so the comparison needs this loop.
    """
    with torch.inference_mode():
        memory, output = model.memory(media), model.lm.get_output_embeddings()
        ids_BL, there_BL = (v.to(memory.tokens_BMW.device) for v in padded_before(prompts, pad=vocabulary.pad))
        start, done_B = ids_BL.shape[1], torch.zeros(len(prompts), dtype=torch.bool, device=ids_BL.device)
        for _ in range(max_new_tokens):
            logits_BV = output(model.hidden(memory, ids_BL, there_BL)[:, -1]).float()
            if allowed is not None:
                logits_BV = logits_BV.masked_fill(~allowed.to(logits_BV.device)[None], float("-inf"))
            next_B = logits_BV.argmax(dim=1).masked_fill(done_B, vocabulary.pad)
            ids_BL = torch.cat([ids_BL, next_B[:, None]], dim=1)
            there_BL = torch.cat([there_BL, ~done_B[:, None]], dim=1)
            done_B = done_B | (next_B == vocabulary.end)
            if bool(done_B.all()):
                break
        return [_cut(row, vocabulary.end) for row in ids_BL[:, start:].tolist()]


def score(
    model: Generator,
    media: Mapping[str, Tensor],
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    *,
    vocabulary: Vocabulary,
) -> Tensor:
    """(B,): the log-likelihood of each answer and its end, in nats; what a model would rather say scores higher."""
    with torch.inference_mode():
        return _scored(model, model.memory(media), prompts, answers, vocabulary)


def _said(
    model: Generator,
    memory: Memory,
    prompts: Sequence[Sequence[int]],
    vocabulary: Vocabulary,
    decoding: DecodingConfig,
    allowed: Tensor | None,
) -> Tensor:
    """(B, L): ids of answers, each with its end and padding behind it."""
    ids_BL, there_BL = padded_before(prompts, pad=vocabulary.pad)
    device = memory.tokens_BMW.device
    inputs = model.inputs(memory, ids_BL.to(device), there_BL.to(device))
    beams = decoding.num_beams if decoding.strategy == "beam" else 1
    attended = memory.repeated(beams) if model.cross is not None else None
    random = torch.random.fork_rng(enabled=decoding.strategy == "sample")
    with attending(attended), random:
        if decoding.strategy == "sample":
            torch.manual_seed(decoding.seed)
        said: Tensor = model.lm.generate(
            **inputs,
            generation_config=_settings(decoding, vocabulary),
            logits_processor=[] if allowed is None else [_Allowed(allowed.to(device))],
        )
    return said


def _settings(decoding: DecodingConfig, vocabulary: Vocabulary) -> Any:
    from transformers import GenerationConfig

    chosen: dict[str, Any] = {}
    if decoding.strategy == "sample":
        chosen = {"temperature": decoding.temperature, "top_k": decoding.top_k, "top_p": decoding.top_p}
    if decoding.strategy == "beam":
        chosen = {"num_beams": decoding.num_beams, "length_penalty": decoding.length_penalty, "early_stopping": False}
    return GenerationConfig(
        do_sample=decoding.strategy == "sample",
        max_new_tokens=decoding.max_new_tokens,
        pad_token_id=vocabulary.pad,
        bos_token_id=vocabulary.start,
        eos_token_id=vocabulary.end,
        **chosen,
    )


class _Allowed:
    """A logits processor of transformers: what may not be said has no probability."""

    def __init__(self, allowed_V: Tensor) -> None:
        self.forbidden_V = ~allowed_V

    def __call__(self, _ids_BL: Tensor, scores_BV: Tensor) -> Tensor:
        return scores_BV.masked_fill(self.forbidden_V[None], float("-inf"))


def _answers(
    model: Generator, memory: Memory, prompts: Sequence[Sequence[int]], said: Tensor, vocabulary: Vocabulary
) -> list[Answer]:
    rows: list[list[int]] = said.tolist()
    cut = [_cut(row, vocabulary.end) for row in rows]
    scores = _scored(model, memory, prompts, cut, vocabulary).tolist()
    return [
        Answer(ids=ids, log_likelihood=found, is_whole=vocabulary.end in row)
        for ids, found, row in zip(cut, scores, rows, strict=True)
    ]


def _cut(row: list[int], end: int) -> list[int]:
    return row[: row.index(end)] if end in row else row


def _scored(
    model: Generator,
    memory: Memory,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    vocabulary: Vocabulary,
) -> Tensor:
    longest = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)) + 1
    device = memory.tokens_BMW.device
    found = sequences(prompts, answers, vocabulary, context_length=longest)
    targets = {name: value.to(device) for name, value in found.items()}
    hidden_ND, targets_N, rows_N, _ = model.answered(memory, targets)
    weight_VD, chunk = model.lm.get_output_embeddings().weight, model.config.loss_chunk
    scores_B = torch.zeros(len(prompts), device=device)
    for start in range(0, len(hidden_ND), chunk):
        some = slice(start, start + chunk)
        logs_CV = (hidden_ND[some] @ weight_VD.T).float().log_softmax(dim=1)
        scores_B.index_add_(0, rows_N[some], logs_CV.gather(1, targets_N[some, None])[:, 0])
    return scores_B
