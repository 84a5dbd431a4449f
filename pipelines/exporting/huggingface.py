"""For Hugging Face `datasets`: shards below `data/`, and a README whose front matter declares the features.

Undeclared, the builder guesses features from the first five samples, refuses a corpus in which these differ in their
parts, and makes a struct of `json`, whose keys (languages, original fields) differ from sample to sample.
"""

from pipelines import storage
from pipelines.exporting.selecting import Selection, packed_shards

_DTYPES = {"json": "json", "txt": "string", "flac": "audio", "__key__": "string", "__url__": "string"}


def export_huggingface(selection: Selection, output: str) -> dict[str, object]:
    """A folder that `load_dataset` reads as it is, or after an upload to a hub."""
    extensions: set[str] = set()
    num_samples, num_shards = 0, 0
    for shard in packed_shards(selection):
        storage.same_file(shard.uri, f"{output}/data/{shard.name}")
        extensions |= {member.extension for sample in shard.samples for member in sample.members}
        num_samples, num_shards = num_samples + len(shard.samples), num_shards + 1
    storage.write_atomic(f"{output}/README.md", _readme(selection, sorted(extensions)).encode())
    return {"num_samples": num_samples, "num_shards": num_shards, "features": " ".join(sorted(extensions))}


def _readme(selection: Selection, extensions: list[str]) -> str:
    lines = ["---", "configs:", "- config_name: default", "  data_files:", "  - split: train", "    path: data/*.tar"]
    lines += ["dataset_info:", "  features:"]
    for name in (*extensions, "__key__", "__url__"):
        lines += [f"  - name: {name}", f"    dtype: {_DTYPES.get(name, 'image')}"]
    lines += [
        "---",
        f"# {selection.snapshot}",
        "",
        "Columns that a sample lacks are null; `json` says all that is known of it.",
    ]
    return "\n".join(lines) + "\n"
