"""For LAION-CLAP: the shards with clips and captions, and `sizes.json` of them, where its loader looks."""

from pipelines import storage
from pipelines.errors import ShardError
from pipelines.exporting.handing import Handing, Result


def export_laion_clap(handing: Handing) -> Result:
    """Its loader takes the members of a batch's first sample for those of all, so nothing but clips, captions and json
    is copied, also out of a snapshot."""
    sizes: dict[str, dict[str, int]] = {}
    extensions: set[str] = set()
    for shard in handing.copied(parts=("audio", "text"), only=("audio", "text")).shards():
        folder, _, name = shard.uri.rpartition("/")
        sizes.setdefault(folder, {})[name] = len(shard.samples)
        extensions |= shard.extensions() - {"txt", "json"}
    if len(extensions) > 1:
        raise ShardError(
            f"{handing.selection.name}: clips are {', '.join(sorted(extensions))}, LAION-CLAP reads one format a run. "
            "Pack with --profile train."
        )
    for folder, numbers in sizes.items():
        storage.write_json(f"{folder}/sizes.json", numbers)
    return {
        "num_samples": sum(sum(numbers.values()) for numbers in sizes.values()),
        "num_shards": sum(map(len, sizes.values())),
        "audio_ext": extensions.pop(),
        "folders": list(sizes),
    }
