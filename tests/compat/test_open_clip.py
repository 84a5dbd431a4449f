"""open_clip 3.3 trains on our shards: its own pipeline yields every pair of picture and caption once an epoch."""

import hashlib
import io
from collections import Counter
from collections.abc import Collection

import pytest
from PIL import Image

from pipelines.exporting.open_clip import export_open_clip
from tests.compat.corpus import Packed, members_of
from tests.compat.environments import run_reader
from tests.compat.handing import OF_A_VIEW, handing, kept_of


def pixels_and_text(packed: Packed, kept: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Digests of the RGB pixels and of the caption of every sample, or of every kept one, that has both."""
    found = []
    for sample, members in zip(packed.samples, members_of(packed), strict=True):
        if kept is not None and sample["__key__"] not in kept:
            continue
        pictures = [data for extension, data in members.items() if extension in {"jpg", "png", "webp"}]
        if pictures and "txt" in members:
            pixels = Image.open(io.BytesIO(pictures[0])).convert("RGB").tobytes()
            found.append((hashlib.sha256(pixels).hexdigest(), hashlib.sha256(members["txt"]).hexdigest()))
    return found


@pytest.mark.parametrize("part", ["train", "val"])
def test_open_clip_reads_every_pair_of_a_mixed_corpus_once(part, mixed, home, tmp_path):
    made = export_open_clip(handing(mixed, tmp_path / "out"))
    read = run_reader("open_clip", made["train_data"], part, home=home)
    assert read["versions"] == {"open_clip_torch": "3.3.0", "webdataset": "0.2.86"}
    expected = pixels_and_text(mixed)
    assert Counter(map(tuple, read["pairs"])) == Counter(expected)
    assert (read["size"], read["num_shards"]) == (len(expected), 4), "the shard of texts alone is left out"
    if part == "val":
        assert list(map(tuple, read["pairs"])) == expected, "validation reads in order"


@pytest.mark.parametrize("options", OF_A_VIEW)
def test_open_clip_reads_every_pair_that_a_view_keeps_and_no_other(options, mixed, home, tmp_path):
    kept = kept_of(mixed)
    made = export_open_clip(handing(mixed, tmp_path / "out", kept, **options))
    read = run_reader("open_clip", made["train_data"], "train", home=home)
    expected = pixels_and_text(mixed, kept)
    assert Counter(map(tuple, read["pairs"])) == Counter(expected)
    assert read["size"] == made["num_samples"] == len(expected), "sizes.json counts these pairs"
