"""Media to unit vectors in batches of one shape: a vector does not depend on what else was in its batch.

Matrix kernels are chosen by the shape of a batch and differ in the last bits. So batches are filled up to one size,
and texts go with those of about their length; a batch of another size or precision stays within stated bounds.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipelines.samples import Modality

MIN_BF16_COSINE = 0.99
"""Of every probe's bf16 vector with its fp32 one; a model below it is run in fp32."""
_CPU_BATCH = {Modality.IMAGE: 32, Modality.TEXT: 32, Modality.AUDIO: 32}
_CUDA_BATCH = {Modality.IMAGE: 256, Modality.TEXT: 1024, Modality.AUDIO: 256}
_NUM_PROBES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Tower:
    """One modality of a model."""

    prepare: Callable[[Any], Tensor]
    """One member to the tensor of one row; equal shapes go together. SampleError where it does not decode."""
    forward: Callable[[Tensor], Tensor]
    """(B, ...) to (B, D), unit length or not."""
    probe: Any
    """A member that every such model can embed."""


class TowerEncoder:
    """Towers on a device: (n, D) float32 unit vectors, with as many threads for decoding as it is given."""

    def __init__(
        self,
        towers: Mapping[Modality, Tower],
        *,
        embed_dim: int,
        device: torch.device,
        precision: str,
        num_threads: int = 1,
    ) -> None:
        self._towers = towers
        self._embed_dim = embed_dim
        self._device = device
        self._num_threads = num_threads
        self.batch_sizes = dict(_CUDA_BATCH if device.type == "cuda" else _CPU_BATCH)
        self.precision = self._settle(precision)

    def embed(self, modality: Modality, members: Sequence[Any]) -> NDArray[np.float32]:
        """In the order of the members."""
        vectors = np.zeros((len(members), self._embed_dim), dtype=np.float32)
        tower, size = self._towers[modality], self.batch_sizes[modality]
        with one_thread(self._device), torch.inference_mode():
            for places, rows in _batches(self._prepared(tower, members, ahead=2 * size), size):
                vectors[places] = self._forward(tower, rows, size, is_half=self.precision == "bf16")[: len(places)]
        return vectors

    def _forward(self, tower: Tower, rows: Sequence[Tensor], size: int, *, is_half: bool) -> NDArray[np.float32]:
        batch = torch.stack([*rows, *[rows[-1]] * (size - len(rows))]).to(self._device, non_blocking=True)
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=is_half):
            raw = tower.forward(batch)
        vectors: NDArray[np.float32] = functional.normalize(raw.float(), dim=1).cpu().numpy()
        return vectors

    def _prepared(self, tower: Tower, members: Sequence[Any], *, ahead: int) -> Iterator[Tensor]:
        if self._num_threads <= 1 or len(members) == 1:
            yield from map(tower.prepare, members)
            return
        with ThreadPoolExecutor(self._num_threads) as pool:
            yield from _in_order(pool, tower.prepare, members, ahead)

    def _settle(self, precision: str) -> str:
        """`auto` is bf16 on CUDA, fp32 on a processor; bf16 gives way where it would move a probe too far."""
        wanted = "bf16" if precision == "bf16" or (precision == "auto" and self._device.type == "cuda") else "fp32"
        return "bf16" if wanted == "bf16" and self.bf16_cosine() >= MIN_BF16_COSINE else "fp32"

    def bf16_cosine(self) -> float:
        """The lowest cosine of a probe's vector in bf16 with the one in fp32, over all modalities."""
        lowest = 1.0
        with torch.inference_mode():
            for tower in self._towers.values():
                rows = [tower.prepare(tower.probe)]
                whole, half = (self._forward(tower, rows, _NUM_PROBES, is_half=flag) for flag in (False, True))
                lowest = min(lowest, float((whole * half).sum(axis=1).min()))
        return lowest


def _batches(prepared: Iterable[Tensor], size: int) -> Iterator[tuple[list[int], list[Tensor]]]:
    """(places of the members, rows of one shape), as soon as there are `size` of a shape; the rest at the end."""
    waiting: dict[tuple[int, ...], tuple[list[int], list[Tensor]]] = defaultdict(lambda: ([], []))
    for place, row in enumerate(prepared):
        places, rows = waiting[tuple(row.shape)]
        places.append(place)
        rows.append(row)
        if len(rows) == size:
            yield waiting.pop(tuple(row.shape))
    yield from waiting.values()


def _in_order(
    pool: ThreadPoolExecutor, prepare: Callable[[Any], Tensor], members: Sequence[Any], ahead: int
) -> Iterator[Tensor]:
    """Results in order, with at most `ahead` of them made before they are asked for."""
    under_way: deque[Future[Tensor]] = deque()
    try:
        for member in members:
            under_way.append(pool.submit(prepare, member))
            if len(under_way) > ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """On a processor workers are the parallelism; sums split over threads would differ with their number."""
    before = torch.get_num_threads()
    if device.type != "cpu" or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def find_device(name: str) -> torch.device:
    """`auto` is the accelerator where there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
