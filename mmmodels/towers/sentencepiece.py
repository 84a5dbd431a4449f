"""A SentencePiece model as a tokenizer of this program: its pieces, scores and normalisation, read from its file."""

from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from mmmodels.errors import RecipeError

_SPACE = "▁"
_UNIGRAM = 1
MAX_BYTES = 64 << 20


def read_sentencepiece(path: Path) -> Tokenizer:
    """Of a unigram model (T5, XLM-R, mT5, SigLIP); RecipeError for another kind or another file."""
    # The message types as transformers ships them, so that the sentencepiece library is not needed.
    from transformers.utils.sentencepiece_model_pb2_new import ModelProto

    if path.stat().st_size > MAX_BYTES:
        raise RecipeError(f"{path}: larger than {MAX_BYTES >> 20} MB, no tokenizer is. Name a SentencePiece .model.")
    model: Any = ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise RecipeError(f"{path}: not a SentencePiece model ({error}). Name a file of that kind.") from error
    if not model.pieces or model.trainer_spec.model_type != _UNIGRAM:
        raise RecipeError(f"{path}: not a unigram model. Give a tokenizer.json of this tokenizer instead.")
    vocabulary = [(piece.piece, piece.score) for piece in model.pieces]
    tokenizer = Tokenizer(
        models.Unigram(vocabulary, unk_id=model.trainer_spec.unk_id, byte_fallback=model.trainer_spec.byte_fallback)
    )
    steps: list[Any] = [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    if charsmap := model.normalizer_spec.precompiled_charsmap:
        steps.insert(0, normalizers.Precompiled(charsmap))
    tokenizer.normalizer = normalizers.Sequence(steps)
    prepends = "always" if model.normalizer_spec.add_dummy_prefix else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme=prepends)
    tokenizer.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme=prepends)
    return tokenizer
