"""A training step of image and text: our aligner against open_clip's model and loss over the same towers."""

from collections.abc import Iterator

import torch

from tests.benchmarks.names import STEP_CUDA, STEP_LONG, STEP_SHORT
from tests.benchmarks.rows import Row, Runs, Settings, alternate, one_core
from tests.benchmarks.steps import contestants


def rows(settings: Settings) -> Iterator[Row]:
    """Both start from the same weights and give the same loss; that is checked before the clock starts."""
    num_steps = settings.size(30, 5)
    for what, num_tokens in ((STEP_SHORT, (4, 12)), (STEP_LONG, (24, 24))):
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            ours, peer = contestants(device="cpu", batch_size=64, num_tokens=num_tokens, num_steps=num_steps)
            with one_core() as on:
                runs = alternate(ours, peer, num_pairs=settings.num_pairs)
        finally:
            torch.set_num_threads(threads)
        yield _row(what, f"{on}, 1 thread", runs)
    if torch.cuda.is_available():
        ours, peer = contestants(device="cuda", batch_size=512, num_tokens=(4, 12), num_steps=4 * num_steps)
        runs = alternate(ours, peer, num_pairs=settings.num_pairs)
        yield _row(STEP_CUDA, torch.cuda.get_device_name(), runs)


def _row(what: str, on: str, runs: Runs) -> Row:
    return Row(
        what=what,
        unit="steps/s",
        on=on,
        runs=runs,
        peer_name="open_clip CustomTextCLIP + ClipLoss",
        note="recipe tiny, no augmentation; same weights and fused AdamW; ours is given uint8, peer normalised floats",
    )
