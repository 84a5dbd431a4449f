"""For open_clip: the shards with image-text pairs, `sizes.json` of these pairs, and the arguments of its trainer."""

import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.exporting.handing import Handing, Result


def export_open_clip(handing: Handing) -> Result:
    """open_clip counts an epoch by `sizes.json` and reads on from the start where that says too much, so only samples
    that it can use are counted: those with a picture and a caption. It looks for sizes beside the first shard and by
    the names of files alone, so they are written where all shards lie in one folder."""
    sizes = {
        shard.uri: sum(sample.has("image", "text") for sample in shard.samples)
        for shard in handing.shards(parts=("image", "text"), link_to="")
    }
    if not sizes:
        raise ShardError(
            f"{handing.selection.name}: no sample has a picture and a caption, so open_clip cannot use any."
        )
    folders = {uri.rpartition("/")[0] for uri in sizes}
    if len(folders) == 1:
        by_name = {uri.rpartition("/")[2]: size for uri, size in sizes.items()}
        storage.write_json(f"{folders.pop()}/sizes.json", by_name)
    train_data = "::".join(_braces(list(sizes)))
    num_samples = sum(sizes.values())
    arguments = ["--dataset-type", "webdataset", "--train-data", train_data, "--train-num-samples", str(num_samples)]
    storage.write_atomic(f"{handing.output}/train_arguments.txt", f"{shlex.join(arguments)}\n".encode())
    return {"num_samples": num_samples, "num_shards": len(sizes), "train_data": train_data}


def _braces(uris: Sequence[str]) -> Iterator[str]:
    """Runs of shards as open_clip writes them: `{00000000..00000003}.tar`."""
    for folder, names in groupby(uris, key=lambda uri: uri.rpartition("/")[0]):
        numbers = [int(name.rpartition("/")[2].removesuffix(".tar")) for name in names]
        starts = [at for at, number in enumerate(numbers) if at == 0 or number != numbers[at - 1] + 1]
        for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
            first, last = numbers[start], numbers[stop - 1]
            yield f"{folder}/{first:08d}.tar" if first == last else f"{folder}/{{{first:08d}..{last:08d}}}.tar"
