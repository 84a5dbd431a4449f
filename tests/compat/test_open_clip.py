"""open_clip 3.3 trains on our shards: its own pipeline yields every pair of picture and caption once an epoch."""

import hashlib
import io
from collections import Counter

import pytest
from PIL import Image

from pipelines.exporting.command import select_snapshot
from pipelines.exporting.open_clip import export_open_clip
from tests.compat.corpus import Packed, members_of
from tests.compat.environments import run_reader


def pixels_and_text(packed: Packed) -> list[tuple[str, str]]:
    """Digests of the RGB pixels and of the caption of every sample that has both."""
    found = []
    for members in members_of(packed):
        pictures = [data for extension, data in members.items() if extension in {"jpg", "png", "webp"}]
        if pictures and "txt" in members:
            pixels = Image.open(io.BytesIO(pictures[0])).convert("RGB").tobytes()
            found.append((hashlib.sha256(pixels).hexdigest(), hashlib.sha256(members["txt"]).hexdigest()))
    return found


@pytest.mark.parametrize("part", ["train", "val"])
def test_open_clip_reads_every_pair_of_a_mixed_corpus_once(part, mixed, home, tmp_path):
    made = export_open_clip(select_snapshot(mixed.layout), str(tmp_path / "out"))
    read = run_reader("open_clip", made["train_data"], part, home=home)
    assert read["versions"] == {"open_clip_torch": "3.3.0", "webdataset": "0.2.86"}
    expected = pixels_and_text(mixed)
    assert Counter(map(tuple, read["pairs"])) == Counter(expected)
    assert (read["size"], read["num_shards"]) == (len(expected), 4), "the shard of texts alone is left out"
    if part == "val":
        assert list(map(tuple, read["pairs"])) == expected, "validation reads in order"
