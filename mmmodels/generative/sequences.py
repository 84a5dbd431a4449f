"""Prompts and answers as the tensors of a training step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmmodels.errors import RecipeError
from mmmodels.generative.vocabulary import Vocabulary

# Shapes: B batch, L tokens.


def fits(prompt: Sequence[int], answer: Sequence[int], context_length: int) -> bool:
    """Whether both and the end have room; what has none is left out and counted, never cut."""
    return len(prompt) + len(answer) + 1 <= context_length


def sequences(
    prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], vocabulary: Vocabulary, *, context_length: int
) -> dict[str, Tensor]:
    """`ids` (B, L), padded behind, and (B,) where the answer starts and where it ends, its end token counted."""
    rows = [[*prompt, *answer, vocabulary.end] for prompt, answer in zip(prompts, answers, strict=True)]
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        if not fits(prompt, answer, context_length):
            raise RecipeError(
                f"row {row}: {len(rows[row])} tokens of prompt, answer and end, generator.context_length is "
                f"{context_length}. Leave it out and count it, or set a longer context."
            )
    ids_BL = torch.full((len(rows), max(map(len, rows), default=1)), vocabulary.pad, dtype=torch.int64)
    for place, row_ids in enumerate(rows):
        ids_BL[place, : len(row_ids)] = torch.tensor(row_ids)
    return {
        "ids": ids_BL,
        "answer_start": torch.tensor([len(prompt) for prompt in prompts]),
        "answer_end": torch.tensor([len(row_ids) for row_ids in rows]),
    }


def padded_before(prompts: Sequence[Sequence[int]], *, pad: int) -> tuple[Tensor, Tensor]:
    """Prompts (B, L) that all end in the last place, and which tokens count: what is generated follows at once."""
    longest = max(map(len, prompts))
    ids_BL = torch.full((len(prompts), longest), pad, dtype=torch.int64)
    for row, prompt in enumerate(prompts):
        ids_BL[row, longest - len(prompt) :] = torch.tensor(list(prompt), dtype=torch.int64)
    lengths_B = torch.tensor([len(prompt) for prompt in prompts])
    return ids_BL, torch.arange(longest)[None] >= longest - lengths_B[:, None]
