"""For Hugging Face `datasets`: shards, and a README whose front matter declares the features.

Undeclared, the builder guesses features from the first five samples, refuses a corpus in which these differ in their
parts, and makes a struct of `json`, whose keys (languages, original fields) differ from sample to sample.
"""

from collections.abc import Mapping

from pipelines import storage
from pipelines.exporting.handing import Handing, Result
from pipelines.exporting.physical import Copied

_DTYPES = {"json": "json", "txt": "string", "flac": "audio", "__key__": "string", "__url__": "string"}
_SOUNDS = {"flac", "wav", "mp3", "ogg", "opus", "m4a"}


def export_huggingface(handing: Handing) -> Result:
    """A folder that `load_dataset` reads as it is, or after an upload to a hub; the splits of a view by their names."""
    if handing.is_plain:
        shards, folders = handing.shards(link_to="data"), {"train": ["data"]}
    else:
        copied = handing.copied(by_split=handing.selection.is_view)
        shards, folders = copied.shards(), _by_split(copied)
    extensions: set[str] = set()
    num_samples = num_shards = 0
    for shard in shards:
        extensions |= shard.extensions()
        num_samples, num_shards = num_samples + len(shard.samples), num_shards + 1
    readme = _readme(handing.selection.name, folders, sorted(extensions))
    storage.write_atomic(f"{handing.output}/README.md", readme.encode())
    return {
        "num_samples": num_samples,
        "num_shards": num_shards,
        "features": " ".join(sorted(extensions)),
        "splits": list(folders),
    }


def _by_split(copied: Copied) -> dict[str, list[str]]:
    """Split -> folders below the output."""
    folders: dict[str, list[str]] = {}
    for snapshot, split in copied.splits.items():
        folders.setdefault(split or "train", []).append(f"shards/{snapshot}")
    return folders


def _readme(name: str, folders: Mapping[str, list[str]], extensions: list[str]) -> str:
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split, paths in folders.items():
        lines += [f"  - split: {split}", "    path:", *(f"    - {path}/*.tar" for path in paths)]
    lines += ["dataset_info:", "  features:"]
    for column in (*extensions, "__key__", "__url__"):
        dtype = _DTYPES.get(column, "audio" if column in _SOUNDS else "image")
        lines += [f"  - name: {column}", f"    dtype: {dtype}"]
    lines += ["---", f"# {name}", "", "Columns that a sample lacks are null; `json` says all that is known of it."]
    return "\n".join(lines) + "\n"
