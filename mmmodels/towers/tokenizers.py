"""Tokenizers: learnt from a view, CLIP's own, or from a file; all as one class, so that a bundle holds any of them.

A sequence is start, tokens, end, padding (0). The end is the highest id: there the tower takes its vector.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from mmmodels.errors import RecipeError
from mmmodels.recipes import TextConfig
from mmmodels.towers.sentencepiece import read_sentencepiece

if TYPE_CHECKING:
    from torch import Tensor

# Shapes: B batch, L tokens.
PAD, START = 0, 1


def make_tokenizer(texts: Iterable[str], *, config: TextConfig) -> Tokenizer:
    """The tokenizer that the configuration names; `texts` are what a learnt one may see."""
    if config.tokenizer == "bpe":
        return train_tokenizer(texts, vocab_size=config.vocab_size)
    tokenizer = clip_tokenizer() if config.tokenizer == "open_clip" else _from_file(Path(config.tokenizer))
    # CLIP's vocabulary holds its start and end already.
    needed = tokenizer.get_vocab_size() + (0 if config.tokenizer == "open_clip" else 2)
    if needed > config.vocab_size:
        raise RecipeError(
            f"model.text.tokenizer={config.tokenizer}: has {tokenizer.get_vocab_size()} entries, the tower's "
            f"vocabulary {config.vocab_size}. Set model.text.vocab_size={needed} or more."
        )
    return tokenizer


def train_tokenizer(texts: Iterable[str], *, vocab_size: int) -> Tokenizer:
    """A byte-level BPE of at most `vocab_size` - 1 entries: any text of any script has a tokenisation.

    Unigram models are read, never learnt: the library's trainer sums in another order at every run.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        # The end token is not part of the vocabulary: it must be the highest id for the tower's pooling.
        vocab_size=vocab_size - 1,
        special_tokens=["<pad>", "<start>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Sorted and unique: the merges must not depend on the order or the number of workers.
    tokenizer.train_from_iterator(sorted(set(texts)), trainer)
    return tokenizer


@cache
def clip_tokenizer() -> Tokenizer:
    """open_clip's SimpleTokenizer (49,408 entries), by the same merges; `tokenize` cleans the texts as it does."""
    from open_clip.tokenizer import SimpleTokenizer

    simple = SimpleTokenizer()
    merges = [pair for pair in simple.bpe_ranks if len(pair) == 2]
    tokenizer = Tokenizer(models.BPE(vocab=simple.encoder, merges=merges, end_of_word_suffix="</w>"))
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return tokenizer


def tokenize(tokenizer: Tokenizer, texts: Sequence[str], *, config: TextConfig) -> "Tensor":
    """int64 (B, context_length): start, tokens, end, padding; long texts keep their head and the end token."""
    end = config.vocab_size - 1
    start = START if config.tokenizer == "bpe" else end - 1
    if config.tokenizer == "open_clip":
        texts = [_cleaned(text) for text in texts]
    import torch  # here: a view is prepared for a plan, and a run looked up, without it

    ids_BL = torch.full((len(texts), config.context_length), PAD, dtype=torch.int64)
    for row, encoding in enumerate(tokenizer.encode_batch(list(texts), add_special_tokens=False)):
        ids = [start, *encoding.ids[: config.context_length - 2], end]
        ids_BL[row, : len(ids)] = torch.tensor(ids)
    return ids_BL


def _cleaned(text: str) -> str:
    """As CLIP was trained: mended, without entities and needless spaces, in small letters."""
    from open_clip.tokenizer import basic_clean

    return re.sub(r"\s+", " ", basic_clean(text)).strip().lower()


def _from_file(path: Path) -> Tokenizer:
    if not path.is_file():
        raise RecipeError(
            f"model.text.tokenizer={path}: neither bpe nor open_clip nor a file. Name a tokenizer.json or a "
            "SentencePiece .model."
        )
    if path.suffix == ".model":
        return read_sentencepiece(path)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise RecipeError(f"{path}: not a tokenizer.json ({error}). Name one of the library tokenizers.") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
