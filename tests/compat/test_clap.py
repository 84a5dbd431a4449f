"""LAION-CLAP's own loader takes our shards of clips with captions: wave, texts, tags, sizes."""

import hashlib
import io
import json
import shutil

import numpy as np
import soundfile

from tests.compat.corpus import members_of, whole_source
from tests.compat.environments import run_reader

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
