"""For LAION-CLAP: the shards with clips and captions, and `sizes.json` of them, where its loader looks."""

from pipelines.errors import ShardError
from pipelines.exporting.handing import Handing, Result
from pipelines.exporting.open_clip import write_sizes


def export_laion_clap(handing: Handing) -> Result:
    """Its loader takes the members of a batch's first sample for those of all, so nothing but clips, captions and json
    is copied, also out of a snapshot."""
    shards = list(handing.copied(parts=("audio", "text"), only=("audio", "text")).shards())
    members = {member.extension for shard in shards for sample in shard.samples for member in sample.members}
    extensions = members - {"txt", "json"}
    if len(extensions) > 1:
        raise ShardError(
            f"{handing.selection.name}: clips are {', '.join(sorted(extensions))}, LAION-CLAP reads one format a run. "
            "Pack with --profile train."
        )
    sizes = {shard.uri: len(shard.samples) for shard in shards}
    folders = sorted({uri.rpartition("/")[0] for uri in sizes})
    for folder in folders:
        write_sizes({uri: size for uri, size in sizes.items() if uri.startswith(f"{folder}/")})
    return {
        "num_samples": sum(sizes.values()),
        "num_shards": len(sizes),
        "audio_ext": extensions.pop(),
        "folders": folders,
    }
