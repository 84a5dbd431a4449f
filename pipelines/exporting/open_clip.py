"""For open_clip: the shards with image-text pairs, `sizes.json` of these pairs, and the argument of --train-data."""

from collections.abc import Iterator, Sequence

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.exporting.selecting import Selection, packed_shards


def export_open_clip(selection: Selection, output: str) -> dict[str, object]:
    """open_clip counts an epoch by `sizes.json` and reads on from the start where that says too much, so only samples
    that it can use are counted: those with a picture and a caption."""
    sizes: dict[str, int] = {}
    for shard in packed_shards(selection):
        if num_pairs := sum(sample.has("image", "text") for sample in shard.samples):
            storage.same_file(shard.uri, f"{output}/{shard.name}")
            sizes[shard.name] = num_pairs
    if not sizes:
        raise ShardError(f"{selection.snapshot}: no sample has a picture and a caption, so open_clip cannot use any.")
    storage.write_json(f"{output}/sizes.json", sizes)
    train_data = "::".join(f"{output}/{names}" for names in _braces(list(sizes)))
    storage.write_atomic(f"{output}/train_data.txt", f"{train_data}\n".encode())
    return {"num_samples": sum(sizes.values()), "num_shards": len(sizes), "train_data": train_data}


def _braces(names: Sequence[str]) -> Iterator[str]:
    """Runs of shards as open_clip writes them: `{00000000..00000003}.tar`."""
    numbers = [int(name.removesuffix(".tar")) for name in names]
    starts = [at for at, number in enumerate(numbers) if at == 0 or number != numbers[at - 1] + 1]
    for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
        first, last = numbers[start], numbers[stop - 1]
        yield f"{first:08d}.tar" if first == last else f"{{{first:08d}..{last:08d}}}.tar"
