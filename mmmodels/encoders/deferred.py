"""Scoring models by name, loaded where they are first used and once in a process; imports no torch before that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.samples import Modality
from pipelines.storage import read_json

if TYPE_CHECKING:
    from mmmodels.inference import TowerEncoder

Vectors = NDArray[np.float32]
Kind = Literal["aligner", "open_clip", "sentences"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeferredEncoder:
    """Implements `pipelines.signals.encoding.Encoder`; a few hundred bytes when it is pickled to a worker."""

    kind: Kind
    location: str
    """Folder of a bundle; what stands after `open_clip:`; empty for sentences."""
    digest: str
    embed_dim: int
    modalities: frozenset[Modality] = frozenset(Modality)
    languages: frozenset[str] | None = None
    name: str = ""
    """For people."""
    device: str = "auto"
    precision: str = "auto"
    num_threads: int = 1
    """For decoding beside an accelerator; on a processor workers are the parallelism."""
    cache: str = ""

    @property
    def facts(self) -> Mapping[str, str]:
        """Its name, and the precision that was settled on when it was loaded."""
        known = {"model": self.name or f"{self.kind}:{self.location}"}
        if self.kind != "aligner":
            known["trained_on"] = "data that this root knows nothing of"
        return known if self.kind == "sentences" else known | {"precision": _loaded(self).precision}

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        return _loaded(self).embed(Modality.IMAGE, images)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        if self.kind == "sentences":
            from mmmodels.encoders.sentences import embed_sentences

            return embed_sentences(texts)
        return _loaded(self).embed(Modality.TEXT, texts)

    def embed_audio(self, clips: Sequence[bytes]) -> Vectors:
        return _loaded(self).embed(Modality.AUDIO, clips)


def bundle_encoder(bundle: str, *, name: str = "", device: str = "auto", precision: str = "auto") -> DeferredEncoder:
    """The aligner in a local bundle; reads two small files."""
    digest = str(read_json(f"{bundle}/provenance.json")["model_digest"])
    config: Mapping[str, dict[str, dict[str, Any]]] = read_json(f"{bundle}/config.json")  # type: ignore[assignment]
    model = config["recipe"]["model"]
    return DeferredEncoder(
        kind="aligner",
        location=bundle,
        digest=digest,
        embed_dim=int(model["embed_dim"]),
        modalities=frozenset(map(Modality, model["modalities"])),
        name=name,
        device=device,
        precision=precision,
    )


def clip_encoder(location: str, *, cache: str, device: str = "auto", precision: str = "auto") -> DeferredEncoder:
    """An open_clip model; its weights are fetched and digested here, in workers they are only loaded."""
    from mmmodels.encoders.clip import find_files

    files = find_files(location, cache=cache)
    return DeferredEncoder(
        kind="open_clip",
        location=location,
        digest=files.digest,
        embed_dim=files.embed_dim,
        modalities=frozenset({Modality.IMAGE, Modality.TEXT}),
        name=f"open_clip:{location}",
        device=device,
        precision=precision,
        cache=cache,
    )


def sentence_encoder() -> DeferredEncoder:
    """Texts alone."""
    from mmmodels.encoders.sentences import EMBED_DIM, LANGUAGES, digest_of_weights

    return DeferredEncoder(
        kind="sentences",
        location="",
        digest=digest_of_weights(),
        embed_dim=EMBED_DIM,
        modalities=frozenset({Modality.TEXT}),
        languages=LANGUAGES,
        name="sentences: universal sentence encoder, multilingual 3",
    )


@lru_cache(maxsize=2)  # two: cross-fitting
def _loaded(encoder: DeferredEncoder) -> "TowerEncoder":
    from mmmodels.inference import TowerEncoder, find_device

    device = find_device(encoder.device)
    if encoder.kind == "aligner":
        from mmmodels.alignment.bundle import load_aligner
        from mmmodels.encoders.aligner import towers_of

        towers = towers_of(load_aligner(encoder.location), device)
    else:
        from mmmodels.encoders.clip import build_towers, find_files

        towers = build_towers(find_files(encoder.location, cache=encoder.cache), device)
    return TowerEncoder(
        towers,
        embed_dim=encoder.embed_dim,
        device=device,
        precision=encoder.precision,
        num_threads=encoder.num_threads if device.type == "cuda" else 1,
    )
