"""`python -m tests.benchmarks.generating`: what the cache saves in time, chunks of the loss in memory.

Exit code 1 where a bar is missed. Peaks are those of a process of its own each, less what it had before the loss.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

BAR_CACHE, BAR_MEMORY = 3.0, 2.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.generating", description=__doc__)
    parser.add_argument("--tokens", type=int, default=64, help="that are generated (default: %(default)s)")
    parser.add_argument("--positions", type=int, default=2048, help="of the loss (default: %(default)s)")
    parser.add_argument("--vocabulary", type=int, default=49_408)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--chunk", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.chunk:
        sys.stdout.write(f"{_peak_bytes(args)}\n")
        return 0
    seconds = {caches: _seconds(args, caches=caches) for caches in (True, False)}
    peaks = {chunk: _in_a_process(args, chunk) for chunk in (128, -1)}
    gains = (seconds[False] / seconds[True], BAR_CACHE), (peaks[-1] / peaks[128], BAR_MEMORY)
    seconds_told = f"{args.tokens} tokens in {seconds[True]:.2f} s, without {seconds[False]:.2f} s"
    peaks_told = f"peak {peaks[128] / 1e6:.0f} MB in chunks of 128, {peaks[-1] / 1e6:.0f} MB at once"
    sys.stdout.write(f"cache: {seconds_told}: {gains[0][0]:.1f} x\n")
    sys.stdout.write(f"loss, vocabulary {args.vocabulary:,}: {peaks_told}: {gains[1][0]:.1f} x less\n")
    return int(any(gain < bar for gain, bar in gains))


def _seconds(args: argparse.Namespace, *, caches: bool) -> float:
    """Of a batch of 8 with 16 tokens of memory; the end is never said, so that all are as long."""
    import torch

    from mmmodels.generative.decoding import generate, greedy_by_recomputing
    from mmmodels.generative.language_models import build_language_model
    from mmmodels.generative.model import Generator
    from mmmodels.generative.vocabulary import Vocabulary
    from mmmodels.recipes import DecodingConfig, GeneratorConfig, ModelConfig

    torch.manual_seed(0)
    config = GeneratorConfig(width=args.width, layers=4, heads=4, hidden=4 * args.width, image_stage=3)
    vocabulary = Vocabulary.learnt(["red circle"], config, languages=["en"])
    model = Generator(ModelConfig(), config, language_model=build_language_model(config, num_tokens=len(vocabulary)))
    allowed = torch.ones(len(vocabulary), dtype=torch.bool)
    allowed[vocabulary.end] = False
    media = {"image": torch.randint(0, 256, (8, 3, 64, 64), dtype=torch.uint8)}
    found = []
    prompts = [vocabulary.prompt("caption", "en")] * 8
    given = {"vocabulary": vocabulary, "allowed": allowed}
    model.eval()
    for num_tokens in (2, args.tokens):  # the first warms up
        start = time.perf_counter()
        if caches:
            generate(model, media, prompts, decoding=DecodingConfig(max_new_tokens=num_tokens), **given)
        else:
            greedy_by_recomputing(model, media, prompts, max_new_tokens=num_tokens, **given)
        found.append(time.perf_counter() - start)
    return found[-1]


def _in_a_process(args: argparse.Namespace, chunk: int) -> int:
    sizes = [f"--{name}={getattr(args, name)}" for name in ("positions", "vocabulary", "width")]
    command = [sys.executable, "-m", "tests.benchmarks.generating", *sizes, f"--chunk={chunk}"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def _peak_bytes(args: argparse.Namespace) -> int:
    """Of forward and backward; chunk -1 is torch's own loss over all logits."""
    import torch
    from torch.nn import functional

    from mmmodels.generative.losses import chunked_cross_entropy

    hidden = torch.randn(args.positions, args.width, requires_grad=True)
    weight = torch.randn(args.vocabulary, args.width, requires_grad=True)
    targets = torch.randint(0, args.vocabulary, (args.positions,))
    ones = torch.ones(args.positions) / args.positions
    # The peak is set back to what is held now: ru_maxrss would begin with the parent's and that of the imports.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status_bytes("VmRSS")
    if args.chunk > 0:
        loss = chunked_cross_entropy(hidden, weight, targets, ones, chunk=args.chunk)
    else:
        loss = functional.cross_entropy(hidden @ weight.T, targets)
    loss.backward()
    return _status_bytes("VmHWM") - before


def _status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    sys.exit(main())
