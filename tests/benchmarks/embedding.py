"""Vectors by the tiny aligner, one modality at a time and by two workers; an open_clip model against its own loop."""

import io
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

from mmmodels.encoders.deferred import bundle_encoder, clip_encoder
from pipelines.layout import Layout
from pipelines.samples import Modality, Snapshot
from pipelines.shards.snapshots import read_stats
from pipelines.signals.alignment import score_alignment
from tests.benchmarks.making import caption, clip, drawing, drawings_with_clips, packed, photograph
from tests.benchmarks.names import EMBED_ALONE, EMBED_CLIP, EMBED_WORKERS
from tests.benchmarks.rows import Row, Settings, alternate, one_core
from tests.mmmodels.small import save_random_aligner

_MAKE = {Modality.IMAGE: drawing, Modality.TEXT: caption, Modality.AUDIO: clip}
_PEER_BATCH = 32


def rows(settings: Settings) -> Iterator[Row]:
    """Decoding is counted everywhere, loading of the model nowhere but in the row of two workers."""
    bundle = str(save_random_aligner(settings.folder / "bundle"))
    encoder = bundle_encoder(bundle, device="cpu")
    embed = {"image": encoder.embed_images, "text": encoder.embed_texts, "audio": encoder.embed_audio}
    for modality, what in EMBED_ALONE.items():
        members = [_MAKE[Modality(modality)](seed) for seed in range(settings.size(1024, 128))]
        with one_core() as on:
            runs = alternate(lambda m=modality, x=members: len(embed[m](x)), num_pairs=settings.num_pairs)
        yield Row(what=what, unit="vectors/s", on=on, runs=runs, note="recipe tiny at 32 px and 0.5 s, random weights")
    yield _workers(settings, bundle)
    yield _against_open_clip(settings)


def _workers(settings: Settings, bundle: str) -> Row:
    """The same shards by two processes and by one, start of the processes and import of torch included."""
    layout = Layout(str(settings.folder / "root"))
    snapshot = packed(drawings_with_clips, settings.size(2000, 100), layout)
    num_shards = 4
    _repeat_shard(layout, snapshot, num_shards)
    encoder = bundle_encoder(bundle, device="cpu")

    def scored(num_workers: int) -> int:
        shutil.rmtree(Path(layout.root) / "signals", ignore_errors=True)
        report = score_alignment(layout, snapshot, encoder, trained_on=frozenset(), num_workers=num_workers)
        return sum(effort.num_vectors for effort in report.efforts.values())

    runs = alternate(partial(scored, 2), partial(scored, 1), num_pairs=min(2, settings.num_pairs))
    note = f"{num_shards} shards, written and ranked too; ours counts two imports of torch, the peer none"
    return Row(what=EMBED_WORKERS, unit="vectors/s", on="2 cores", runs=runs, peer_name="one process", note=note)


def _repeat_shard(layout: Layout, snapshot: Snapshot, count: int) -> None:
    """Further shards with the content of the first."""
    plan = json.loads(Path(layout.plan(snapshot)).read_bytes())
    plan["shards"] = {name: values * count for name, values in plan["shards"].items()}
    Path(layout.plan(snapshot)).write_text(json.dumps(plan))
    for shard in range(1, count):
        for path in (layout.tar, layout.sidecar, layout.stats):
            shutil.copyfile(path(snapshot, 0), path(snapshot, shard))
    assert read_stats(layout, snapshot, count - 1)


def _against_open_clip(settings: Settings) -> Row:
    """Equal vectors are checked before the clock starts."""
    weights, name = settings.folder / "clip.safetensors", "ViT-S-32-alt"
    torch.manual_seed(0)
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    save_file({key: tensor.contiguous() for key, tensor in model.eval().state_dict().items()}, weights)
    tokenizer = open_clip.get_tokenizer(name)
    ours = clip_encoder(f"{name}/{weights}", cache=str(settings.folder / "cache"), device="cpu")
    count = settings.size(256, 64)
    images, texts = [photograph(seed) for seed in range(count)], [caption(seed) for seed in range(count)]

    def by_us() -> list[np.ndarray]:
        return [ours.embed_images(images), ours.embed_texts(texts)]

    @torch.inference_mode()
    def by_loop() -> list[np.ndarray]:
        found: list[list[torch.Tensor]] = [[], []]
        for start in range(0, count, _PEER_BATCH):
            some = slice(start, start + _PEER_BATCH)
            batch = torch.stack([preprocess(Image.open(io.BytesIO(image))) for image in images[some]])
            found[0].append(model.encode_image(batch, normalize=True))
            found[1].append(model.encode_text(tokenizer(texts[some]), normalize=True))
        return [torch.cat(parts).numpy() for parts in found]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for one, other in zip(by_us(), by_loop(), strict=True):
            assert np.abs(one - other).max() < 1e-4, "not the same vectors, so not the same work"
        with one_core() as on:
            runs = alternate(
                lambda: sum(map(len, by_us())), lambda: sum(map(len, by_loop())), num_pairs=settings.num_pairs
            )
    finally:
        torch.set_num_threads(threads)
    note = f"{name}, random weights, fp32, captions of 4 words; ours cuts texts behind their end"
    return Row(what=EMBED_CLIP, unit="vectors/s", on=on, runs=runs, peer_name="open_clip loop, batch 32", note=note)
