"""One model that looks at images, frames and sound and answers in text: encoders, connectors, a language model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from mmmodels.alignment.batch import Batch
from mmmodels.errors import RecipeError
from mmmodels.generative.attention import EncoderBlock
from mmmodels.generative.connectors import build_connector
from mmmodels.generative.encoders import build_encoder
from mmmodels.generative.losses import chunked_cross_entropy
from mmmodels.generative.memory import CrossAttention, Memory, attending
from mmmodels.generative.positions import Encoded, Positions
from mmmodels.recipes import GeneratorConfig, ModelConfig
from mmmodels.towers.chance import sample_keys

# Shapes: B batch, M memory, L tokens, W width, F frames, T tokens of one modality, K features, V vocabulary.


class Generator(nn.Module):
    """`forward` gives the loss of the answers of a batch; `mmmodels.generative.decoding` writes answers."""

    def __init__(self, model: ModelConfig, config: GeneratorConfig, *, language_model: Any) -> None:
        super().__init__()
        shapes = language_model.config
        # Of a checkpoint: its own width and heads are those of connectors and cross-attention too.
        config = replace(config, width=shapes.hidden_size, heads=shapes.num_attention_heads)
        self.config = config
        needed = sorted({_encoder(name) for name in config.modalities})
        self.encoders = nn.ModuleDict({name: build_encoder(name, model, config) for name in needed})
        features = {name: cast("Any", self.encoders[name]).features for name in needed}
        self.positions = nn.ModuleDict({name: Positions(features[_encoder(name)]) for name in config.modalities})
        self.connectors = nn.ModuleDict(
            {name: build_connector(features[_encoder(name)], config) for name in config.modalities}
        )
        self.kinds = nn.ParameterDict({name: nn.Parameter(torch.zeros(config.width)) for name in config.modalities})
        """Added to the tokens of each modality, so that they can be told apart."""
        num_blocks = config.encoder_layers if config.fusion == "encoder_decoder" else 0
        self.blocks = nn.ModuleList([EncoderBlock(config.width, heads=config.heads) for _ in range(num_blocks)])
        self.lm = language_model
        self.cross: CrossAttention | None = None
        if config.fusion != "prefix":
            gated = config.fusion == "cross_attention"
            every = config.cross_every if gated else 1
            self.cross = CrossAttention(
                language_model, width=config.width, heads=config.heads, every=every, gated=gated
            )

    def forward(self, batch: Batch, *, strength: float = 0.0, seed: int | None = None) -> dict[str, Tensor]:
        """The cross-entropy of the answers: a mean over samples of the mean over the tokens of each.

        So it is the same number on any layout of ranks and parts of a batch, however long their answers are.
        """
        keys_B = sample_keys(seed, batch.positions()) if seed is not None and self.training else None
        memory = self.memory(batch.media, keys_B=keys_B, strength=strength)
        hidden_ND, targets_N, rows_N, counts_B = self.answered(memory, batch.targets)
        weights_N = (1 / (counts_B * len(counts_B)))[rows_N]
        smoothing = self.config.label_smoothing if self.training else 0.0
        output: Any = self.lm.get_output_embeddings()
        loss = chunked_cross_entropy(
            hidden_ND, output.weight, targets_N, weights_N, chunk=self.config.loss_chunk, smoothing=smoothing
        )
        return {"text": loss}

    def answered(self, memory: Memory, targets: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of all tokens of answers: hidden states (N, W) that foretell them, ids, rows (N,); tokens by row (B,)."""
        ids_BL, start_B, end_B = targets["ids"], targets["answer_start"], targets["answer_end"]
        place_L = torch.arange(ids_BL.shape[1], device=ids_BL.device)
        hidden_BLW = self.hidden(memory, ids_BL, place_L[None] < end_B[:, None])
        is_answer_BL = (place_L >= start_B[:, None]) & (place_L < end_B[:, None])
        rows_N, places_N = is_answer_BL.nonzero(as_tuple=True)
        return hidden_BLW[rows_N, places_N - 1], ids_BL[rows_N, places_N], rows_N, end_B - start_B

    def hidden(self, memory: Memory, ids_BL: Tensor, there_BL: Tensor) -> Tensor:
        """(B, L, W): the last hidden states of a prompt with answers."""
        inputs = self.inputs(memory, ids_BL, there_BL)
        there = inputs["attention_mask"]
        with attending(memory if self.cross is not None else None):
            hidden: Tensor = self.lm.base_model(
                **inputs, position_ids=(there.cumsum(dim=1) - 1).clamp(min=0), use_cache=False
            ).last_hidden_state
        return hidden[:, hidden.shape[1] - ids_BL.shape[1] :]

    def inputs(self, memory: Memory, ids_BL: Tensor, there_BL: Tensor) -> dict[str, Tensor]:
        """What the language model is given: embeddings and which of them count; with a prefix the memory first."""
        embedded_BLW = self.lm.get_input_embeddings()(ids_BL)
        there_BL = there_BL.long()
        if self.cross is None:
            embedded_BLW = torch.cat([memory.tokens_BMW.to(embedded_BLW.dtype), embedded_BLW], dim=1)
            there_BL = torch.cat([memory.there_BM.long(), there_BL], dim=1)
        return {"inputs_embeds": embedded_BLW, "attention_mask": there_BL}

    def memory(self, media: Mapping[str, Tensor], *, keys_B: Tensor | None = None, strength: float = 0.0) -> Memory:
        """Of the modalities that are there; `has_<modality>` (B,) marks the rows whose own counts."""
        parts = [self._part(name, media, keys_B, strength) for name in self.config.modalities if name in media]
        if not parts:
            raise RecipeError(
                f"nothing to look at: this model reads {', '.join(self.config.modalities)}. Give one of these."
            )
        tokens_BMW, there_BM = (torch.cat(list(values), dim=1) for values in zip(*parts, strict=True))
        for block in self.blocks:
            tokens_BMW = block(tokens_BMW, there_BM)
        return Memory(tokens_BMW=tokens_BMW, there_BM=there_BM)

    def compile_towers(self, **options: Any) -> None:
        """Compile encoders and language model in place, not the loss, whose shapes hang on the answers."""
        for part in [*self.encoders.values(), self.lm]:
            part.compile(**options)

    def _part(
        self, name: str, media: Mapping[str, Tensor], keys_B: Tensor | None, strength: float
    ) -> tuple[Tensor, Tensor]:
        encoded = (
            self._video(media, keys_B, strength) if name == "video" else self._encoded(name, media, keys_B, strength)
        )
        tokens_BMW, there_BM = self.connectors[name](self.positions[name](encoded))
        if f"has_{name}" in media:
            there_BM = there_BM & media[f"has_{name}"][:, None]
        return tokens_BMW + self.kinds[name], there_BM

    def _encoded(self, name: str, media: Mapping[str, Tensor], keys_B: Tensor | None, strength: float) -> Encoded:
        length = {"seconds_B": media.get("audio_seconds")} if name == "audio" else {}
        encoded: Encoded = self.encoders[name](media[name], keys_B=keys_B, strength=strength, **length)
        return encoded

    def _video(self, media: Mapping[str, Tensor], keys_B: Tensor | None, strength: float) -> Encoded:
        """All tokens of all frames in their order, each with the second of its frame."""
        frames_BFCHW, seconds_BF = media["video"], media["video_seconds"]
        size, num = frames_BFCHW.shape[:2]
        keys = None if keys_B is None else keys_B.repeat_interleave(num)  # one movement for all frames of a film
        encoded: Encoded = self.encoders["image"](frames_BFCHW.flatten(0, 1), keys_B=keys, strength=strength)
        there = encoded.there_BT.reshape(size, num, -1)
        if "has_frames" in media:
            there = there & media["has_frames"][:, :, None]
        num_tokens = there.shape[2]
        return Encoded(
            tokens_BTK=encoded.tokens_BTK.reshape(size, -1, encoded.tokens_BTK.shape[2]),
            there_BT=there.flatten(1, 2),
            grid=encoded.grid,
            row_T=encoded.row_T.repeat(num),
            column_T=encoded.column_T.repeat(num),
            seconds_BT=seconds_BF.float().repeat_interleave(num_tokens, dim=1),
        )


def _encoder(modality: str) -> str:
    return "image" if modality == "video" else modality
