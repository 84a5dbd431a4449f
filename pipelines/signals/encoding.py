"""What signals ask of a model: media in, unit vectors of one space out."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import SampleError, SignalError
from pipelines.samples import Modality

Vectors = NDArray[np.float32]
_CHUNK_MEMBERS = 1024
_CHUNK_BYTES = 64 << 20
_UNIT_TOLERANCE = 1e-2  # bfloat16 vectors are that far from unit length


class Encoder(Protocol):
    """A model that puts modalities into one space; `mmmodels` implements it.

    It is pickled to every worker with every task: one that loads its weights when it is first used, and once in a
    process, makes that cheap. A vector may depend on its own member alone, not on what else is in the batch.
    """

    @property
    def digest(self) -> str:
        """64 hex digits, of weights and config: names the family of its vectors and scores."""

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can embed; the others have no vector and no score."""

    @property
    def languages(self) -> frozenset[str] | None:
        """Texts in other languages get no vector (a tag counts by its first part); None = any language."""

    @property
    def embed_dim(self) -> int:
        """Length of a vector."""

    @property
    def facts(self) -> Mapping[str, str]:
        """For the metadata of the files: its name, its precision once it is loaded."""

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        """(n, d) unit vectors of stored JPEG, PNG or WebP."""

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """(n, d) unit vectors."""

    def embed_audio(self, clips: Sequence[bytes]) -> Vectors:
        """(n, d) unit vectors of stored FLAC."""


def checked_digest(encoder: Encoder) -> str:
    """`SignalError` where it cannot name a family."""
    if not re.fullmatch(r"[0-9a-f]{64}", encoder.digest):
        raise SignalError(f"encoder digest {encoder.digest!r}: expected 64 hex digits, of its weights and config.")
    return encoder.digest


def embed_members(
    encoder: Encoder, modality: Modality, members: Iterable[Any], *, uids: Sequence[str], tar: str
) -> NDArray[np.float16]:
    """(members, d): read and embedded in chunks of bounded size; `SignalError` names the sample of a bad one."""
    embed = _method_of(encoder, modality)
    parts = [np.empty((0, encoder.embed_dim), dtype=np.float16)]
    done = 0
    for chunk in _chunks(members):
        try:
            found = embed(chunk)
        except SampleError as error:
            raise _named(embed, chunk, uids[done : done + len(chunk)], tar, error) from error
        parts.append(_checked(found, (len(chunk), encoder.embed_dim), modality, tar))
        done += len(chunk)
    return np.concatenate(parts)


def _method_of(encoder: Encoder, modality: Modality) -> Callable[[Sequence[Any]], Vectors]:
    methods: dict[Modality, Callable[[Sequence[Any]], Vectors]] = {
        Modality.IMAGE: encoder.embed_images,
        Modality.TEXT: encoder.embed_texts,
        Modality.AUDIO: encoder.embed_audio,
    }
    return methods[modality]


def _chunks(members: Iterable[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    size = 0
    for member in members:
        chunk.append(member)
        size += len(member)
        if len(chunk) == _CHUNK_MEMBERS or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _checked(vectors: Vectors, shape: tuple[int, int], modality: Modality, tar: str) -> NDArray[np.float16]:
    """One unit vector per member, as it is stored."""
    found = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(found, axis=1) if found.ndim == 2 else np.empty(0)
    if found.shape != shape or not np.all(np.abs(lengths - 1) < _UNIT_TOLERANCE):
        raise SignalError(
            f"{tar}: the encoder gave {found.shape} {modality} vectors for {shape[0]} members, expected {shape} of "
            "length 1. Normalise them in the encoder."
        )
    return found.astype(np.float16)


def _named(
    embed: Callable[[Sequence[Any]], Vectors], chunk: Sequence[Any], uids: Sequence[str], tar: str, error: SampleError
) -> SignalError:
    """The error with the sample it is about: the first of the chunk that fails alone."""
    which = "a sample"
    for uid, member in zip(uids, chunk, strict=True):
        try:
            embed([member])
        except SampleError as found:
            which, error = f"sample {uid}", found
            break
    return SignalError(
        f"{tar}: {which}: {error} It did decode when it was packed. Look for the damage with: python -m pipelines "
        "verify. Then remove the shard's _stats.json and pack again."
    )
