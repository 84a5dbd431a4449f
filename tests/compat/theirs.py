"""What the tests about foreign writers share: samples to hand to a writer, and what our reader makes of its tars."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_raw, read_shard
from pipelines.sources.source import Source

Given = tuple[str, dict[str, bytes]]
"""Key, and part -> bytes."""


def write_given(folder: Path, samples: Sequence[Given]) -> Path:
    """Files and `samples.json` for `writers/webdatasets.py`."""
    folder.mkdir(parents=True)
    listed = []
    for number, (key, parts) in enumerate(samples):
        names = {part: f"{number:04d}.{part}" for part in parts}
        for part, name in names.items():
            (folder / name).write_bytes(parts[part])
        listed.append([key, names])
    (folder / "samples.json").write_text(json.dumps(listed))
    return folder


def packed_rows(source: Source, root: Path) -> list[dict[str, object]]:
    """Pack a source; per record, in order: its row, digests of the media that are read back, and its `document`."""
    layout = Layout(str(root))
    report = pack(source, layout=layout, config=PackingConfig(samples_per_shard=9, num_workers=1))
    assert report.num_by_status == {"success": report.num_samples}, report.num_by_status
    rows = []
    for shard in range(report.num_shards):
        raw = dict(read_raw(layout, report.snapshot, shard))
        for sample in read_shard(layout, report.snapshot, shard):
            document = {"document": json.loads(raw[sample.uid]["json"])}
            digests = {"image": sha256(sample.image), "audio": sha256(sample.audio)}
            rows.append(sample.row | digests | document | {"text": sample.text})
    return rows


def sha256(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()
