"""What a run tells between two reports: mean losses, rates, the share of time that waited for data."""

import math
import resource
import sys
import time
from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor

_BYTES_OF_RSS = 1 if sys.platform == "darwin" else 1024


class Window:
    """Sums stay on the device: only a report waits for it."""

    def __init__(self) -> None:
        self.start, self.cpu_start = time.perf_counter(), time.process_time()
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.num_samples = 0
        self.read_seconds = 0.0
        self.operations = 0.0
        """That the models needed, by formula; of this rank."""
        self.substituted = 0
        """Samples that were read in the place of damaged ones; of this rank."""

    def read(self, num_samples: int, seconds: float) -> None:
        """Samples of a global batch, and how long this rank waited for its part."""
        self.num_samples += num_samples
        self.read_seconds += seconds

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """The losses of a step; which ones there are hangs on the kind of its batch."""
        for name, loss in losses.items():
            self.sums[name] = self.sums[name] + loss if name in self.sums else loss.detach().clone()
            self.counts[name] = self.counts.get(name, 0) + 1

    def metrics(self, world_size: int) -> dict[str, float]:
        """Losses averaged over steps and ranks, their sum, samples per second, shares of the wall clock in [0, 1]."""
        means = {f"loss_{name}": float(total) / self.counts[name] for name, total in self.sums.items()}
        means["substituted_samples"], means["operations"] = float(self.substituted), self.operations
        if world_size > 1:
            means = averaged(means, world_size)
        substituted = means.pop("substituted_samples") * world_size
        operations = means.pop("operations") * world_size
        seconds = time.perf_counter() - self.start
        return means | {
            "loss": math.fsum(means.values()),
            "substituted_samples": substituted,
            "samples_per_second": self.num_samples / seconds,
            **({"teraflops_per_second": operations / seconds / 1e12} if operations else {}),
            "data_wait_share": self.read_seconds / seconds,
            "process_cpu_share": (time.process_time() - self.cpu_start) / seconds,
            "process_peak_rss_bytes": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_OF_RSS),
        }


def averaged(means: Mapping[str, float], world_size: int) -> dict[str, float]:
    """Over the ranks; all of them have the same names in the same order."""
    values = torch.tensor(list(means.values()), dtype=torch.float64)
    dist.all_reduce(values)
    return dict(zip(means, (values / world_size).tolist(), strict=True))


def any_rank(wish: bool, world_size: int) -> bool:
    """Whether one of the ranks wishes it: all of them then do the same."""
    if world_size == 1:
        return wish
    flag = torch.tensor([float(wish)])
    dist.all_reduce(flag, op=dist.ReduceOp.MAX)
    return bool(flag.item() > 0)
