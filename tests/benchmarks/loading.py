"""From shards to training batches, and from a checkpoint back into the plan."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
import torch
import webdataset
from numpy.typing import NDArray
from open_clip.transform import image_transform
from PIL import Image

from mmmodels.loading import Loader, Media, open_workers
from mmmodels.loading.members import every_member, shards_of
from mmmodels.loading.tars import Tars
from mmmodels.planning import Plan, Pool
from mmmodels.recipes import ImageConfig, LoadingConfig
from pipelines.curation.records import read_records
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.shards.building import build_shard
from pipelines.shards.media import MediaProfile
from pipelines.shards.reading import read_members
from tests.benchmarks import caching, foreign_loaders
from tests.benchmarks.making import photographs, shard_task
from tests.benchmarks.names import (
    LOAD_512,
    LOAD_BARE,
    LOAD_PEERS,
    LOAD_TRAIN,
    LOAD_WORKERS,
    RESUME,
    RESUME_WEIGHTED,
)
from tests.benchmarks.rows import Row, Runs, Settings, Work, alternate, one_core

BATCH_SIZE = 64
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_OURS = "reads in the order of a plan by offset, decodes on a thread, resizes the square in the middle"


def rows(settings: Settings) -> Iterator[Row]:
    """One core, but for the row of workers; every row says what each side ends with."""
    yield from caching.rows(settings)
    count = settings.size(1024, 2 * BATCH_SIZE)
    large = _shard(settings, "original", count)
    yield from _rows_of_large(large, settings)
    yield from _rows_of_small(_shard(settings, "train", count), settings)
    yield from _rows_of_resuming(settings)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Photographs in one tar, as something to load from."""

    tar: str
    media: dict[str, Media]
    plan: Plan

    def texts_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nobody asks for texts here."""
        return np.zeros((len(numbers), 0), dtype=np.int64)

    def stored(self) -> list[bytes]:
        """The JPEGs."""
        members = self.media["image"].members
        return list(read_members(self.tar, zip(members.offset.tolist(), members.size.tolist(), strict=True)))

    def passes(self, config: LoadingConfig, *, is_float: bool) -> Work:
        """Every image once, as a training loop would ask for them."""
        workers = open_workers(config, self)
        num_steps = len(self.plan.pools["image"]) // BATCH_SIZE

        def work() -> int:
            loader = Loader(plan=self.plan, source=self, modalities=lambda _: ("image",), workers=workers)
            found = 0
            for reading in loader.steps(0, num_steps):
                batch = torch.from_numpy(reading.arrays["image"])
                found += len(_normalised(batch) if is_float else batch)
            return found

        return work


def _shard(settings: Settings, profile: str, count: int) -> Shard:
    layout = Layout(str(settings.folder / profile))
    task = shard_task(photographs(count), layout, MediaProfile(name=profile))
    assert build_shard(task)["successes"] == count
    config = ImageConfig(augmentation="photographs", size_pixels=224 if profile == "original" else 256)
    table = read_records(layout, [Snapshot(corpus="bench", snapshot="one")])
    members, index = every_member(table, "image", shards_of(table, layout))
    media = Media(modality="image", members=members, index=index, config=config, tars=Tars(), decoded=None)
    number = np.arange(count)
    pool = Pool(entries=np.stack([number, number], axis=1), groups=number)
    plan = Plan(pools={"image": pool}, mixture={"image": 1}, batch_size=BATCH_SIZE, view_digest="bench", seed=0)
    return Shard(tar=layout.tar(Snapshot(corpus="bench", snapshot="one"), 0), media={"image": media}, plan=plan)


def _rows_of_large(shard: Shard, settings: Settings) -> Iterator[Row]:
    ours = shard.passes(LoadingConfig(workers=1), is_float=True)
    with one_core() as on:
        runs = alternate(ours, _webdataset(shard.tar, is_train=False), num_pairs=settings.num_pairs)
    note = f"both end with normalised float32 (64, 3, 224, 224); ours {_OURS}; the bar is a ratio of 3"
    yield Row(what=LOAD_512, unit="images/s", on=on, runs=runs, peer_name=_peer(is_train=False), note=note)
    threads = shard.passes(LoadingConfig(workers=2), is_float=True)
    processes = shard.passes(LoadingConfig(workers=2, workers_are="processes"), is_float=True)
    runs = alternate(threads, processes, num_pairs=settings.num_pairs)
    note = "ours on both sides; the loop itself normalises on the same cores"
    on = "2 workers, not pinned"
    yield Row(what=LOAD_WORKERS, unit="images/s", on=on, runs=runs, peer_name="two processes", note=note)
    for name, what in LOAD_PEERS.items():
        with foreign_loaders.started(name, shard.stored(), settings.folder / name, BATCH_SIZE) as peer:
            if peer is None:
                continue
            with one_core() as on:
                runs = alternate(ours, peer.work, num_pairs=settings.num_pairs, cpu_clock=peer.cpu_clock)
        note = "same images, same float32 batches (its own reader, Pillow, torchvision), one process each, no workers"
        yield Row(what=what, unit="images/s", on=on, runs=runs, peer_name=peer.version, note=note)


def _rows_of_small(shard: Shard, settings: Settings) -> Iterator[Row]:
    ours = shard.passes(LoadingConfig(workers=1), is_float=False)
    with one_core() as on:
        runs = alternate(ours, _webdataset(shard.tar, is_train=True), num_pairs=settings.num_pairs)
    note = "ours ends with uint8 (64, 3, 256, 256), the device crops and normalises; peer with cropped, normalised "
    note += "float32 of 224 px out of the same shard; the bar is a ratio of 10"
    yield Row(what=LOAD_TRAIN, unit="images/s", on=on, runs=runs, peer_name=_peer(is_train=True), note=note)
    stored = shard.stored()
    with one_core() as on:
        runs = alternate(ours, lambda: sum(1 for data in stored if _bare(data)), num_pairs=settings.num_pairs)
    note = "the peer decodes bytes that are in memory into a new array and does nothing with it; the bar is 0.6"
    yield Row(what=LOAD_BARE, unit="images/s", on=on, runs=runs, peer_name="simplejpeg.decode_jpeg", note=note)


def _bare(data: bytes) -> bool:
    return len(simplejpeg.decode_jpeg(data, "RGB")) > 0


def _peer(*, is_train: bool) -> str:
    return f"webdataset, Pillow, open_clip.image_transform(is_train={is_train}), stack"


def _webdataset(tar: str, *, is_train: bool) -> Work:
    """As open_clip's own loader reads, in this process."""
    transform: Any = image_transform(224, is_train=is_train, mean=MEAN, std=STD)

    def work() -> int:
        samples = webdataset.WebDataset(tar, shardshuffle=False)
        images = (transform(Image.open(io.BytesIO(sample["jpg"]))) for sample in samples)
        found, batch = 0, []
        for image in images:
            batch.append(image)
            if len(batch) == BATCH_SIZE:
                found += len(torch.stack(batch))
                batch.clear()
        return found

    return work


def _normalised(batch: torch.Tensor) -> torch.Tensor:
    """What the image tower does with uint8 before its network."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return batch.float().sub_(255 * mean).mul_(1 / (255 * std))


def _rows_of_resuming(settings: Settings) -> Iterator[Row]:
    """From pools in memory to the entries of one step; nothing of an earlier resume is kept."""
    size = settings.size(10_000_000, 1_000_000)
    number, random = np.arange(size), np.random.default_rng(0)
    plain = Pool(entries=np.stack([number, number], axis=1), groups=number, shards=number // 1000)
    weights = random.choice(np.array([0.3, 1.0, 2.5]), size)
    other = Pool(entries=plain.entries, groups=number // 3, shards=plain.shards, weights=weights)
    for what, pool in ((RESUME, plain), (RESUME_WEIGHTED, other)):
        steps = iter(random.integers(0, 40_000, 1000).tolist())

        def resume(pool: Pool = pool, steps: Iterator[int] = steps) -> int:
            for _ in range(4):
                plan = Plan(pools={"a": pool}, mixture={"a": 1}, batch_size=4096, view_digest="bench", seed=0)
                assert len(plan.entries(next(steps))) == 4096
            return 4

        with one_core() as on:
            runs: Runs = alternate(resume, num_pairs=settings.num_pairs)
        note = f"{size:,} samples in shards of 1000, batches of 4096, steps drawn from the first 40,000"
        yield Row(what=what, unit="resumes/s", on=on, runs=runs, note=note)
