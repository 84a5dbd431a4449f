"""LAION-CLAP's own loader takes our shards of clips with captions: wave, texts, tags, sizes."""

import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import soundfile

from pipelines.exporting.laion_clap import export_laion_clap
from tests.compat.corpus import members_of, whole_source
from tests.compat.environments import run_reader
from tests.compat.handing import handing, kept_of

MAX_SAMPLES = 16_000


def wave_digest(flac: bytes) -> str:
    """Of 16-bit samples as CLAP makes them of the floats, padded with silence to the length that was asked for."""
    wave, _ = soundfile.read(io.BytesIO(flac), dtype="float32")
    numbers = (wave * np.float32(32767)).astype(np.int16)
    return hashlib.sha256(np.pad(numbers, (0, MAX_SAMPLES - len(numbers))).tobytes()).hexdigest()


def test_clap_reads_every_clip_with_its_captions_and_tags(whole, home, tmp_path):
    shards = [shutil.copy(shard, tmp_path) for shard in whole.shards]
    (tmp_path / "sizes.json").write_text(json.dumps(dict.fromkeys((shard.name for shard in whole.shards), 10)))
    read = run_reader("clap", *shards, home=home)
    assert read["versions"] == {"laion_clap": "1.1.7", "webdataset": "0.2.86"}
    assert (read["size"], read["num_shards"]) == (30, 3)
    records = [whole_source().record(reference) for reference in whole_source().references()]
    for found, expected, members, record in zip(
        read["samples"], whole.samples, members_of(whole), records, strict=True
    ):
        assert found["__key__"] == expected["__key__"]
        assert found["texts"] == [record.caption, *record.captions]
        assert found["raw_text"] in (found["texts"], *found["texts"])
        assert found["num_tokens"] > 2, "more than the marks of beginning and end"
        assert found["label"] == ([1.0] if "tile" in record.tags else [0.0])
        assert found["rate"] == 16_000
        assert found["wave"] == wave_digest(members["flac"])


def test_clap_reads_what_a_view_keeps_where_its_loader_looks(mixed, home, tmp_path):
    kept = kept_of(mixed)
    made = export_laion_clap(handing(mixed, tmp_path / "out", kept))
    (folder,) = made["folders"]
    read = run_reader("clap", *sorted(Path(folder).glob("*.tar")), home=home)
    expected = [
        (sample["__key__"], wave_digest(members["flac"]))
        for sample, members in zip(mixed.samples, members_of(mixed), strict=True)
        if sample["__key__"] in kept and sample in mixed.having("flac", "txt")
    ]
    assert [(sample["__key__"], sample["wave"]) for sample in read["samples"]] == expected
    assert read["size"] == made["num_samples"] == len(expected)
    assert made["audio_ext"] == "flac"
