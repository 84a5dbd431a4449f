import json
import sqlite3
import tarfile
from contextlib import closing

import numpy as np

from pipelines.exporting.energon import export_energon


def split(folder, name="split.yaml"):
    return json.loads((folder / ".nv-meta" / name).read_text())


def test_the_index_beside_a_tar_holds_where_samples_begin_and_where_they_end(packed, handing, tmp_path):
    export_energon(handing())
    for path in packed.shards:
        with tarfile.open(path) as tar:
            first = {member.name.split(".")[0]: member.offset for member in reversed(tar.getmembers())}
        index = np.fromfile(tmp_path / "out" / f"{path.name}.idx", dtype="<u8").tolist()
        assert index == [*sorted(first.values()), path.stat().st_size - 1024]


def test_pairs_are_what_the_captioning_split_leaves(packed, handing, tmp_path):
    export_energon(handing())
    assert split(tmp_path / "out")["exclude"] == []
    lacking = [one["__key__"] for one in packed.samples if one not in packed.having("image", "txt")]
    names = [f"{shard:08d}.tar/{key}" for shard, key in zip((0, 0, 1, 1), lacking, strict=False)]
    assert split(tmp_path / "out", "captioning_split.yaml")["exclude"] == [*names, "00000002.tar"]


def test_what_a_view_drops_or_holds_out_is_excluded_by_name(packed, handing, tmp_path):
    keys = [sample["__key__"] for sample in packed.samples]
    splits = dict.fromkeys(keys[1:8], "train") | {keys[2]: "held_out_concept"}
    made = export_energon(handing({key: splits[key] for key in splits if splits[key] == "train"}))
    assert split(tmp_path / "out")["exclude"] == [f"00000000.tar/{keys[0]}", f"00000000.tar/{keys[2]}", "00000002.tar"]
    assert made["num_samples"] == 6


def test_the_same_snapshot_gives_the_same_files(handing, tmp_path):
    for name in ("a", "b"):
        export_energon(handing(output=tmp_path / name))
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(names) == 3 + 3 + 7
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_the_database_finds_a_part_by_its_key(packed, handing, tmp_path):
    export_energon(handing())
    key = packed.samples[4]["__key__"]
    with closing(sqlite3.connect(tmp_path / "out" / ".nv-meta" / "index.sqlite")) as database:
        query = (
            "SELECT tar_file_id, content_byte_offset, content_byte_size FROM samples "
            "JOIN sample_parts USING (tar_file_id, sample_index) WHERE sample_key = ? AND part_name = 'txt'"
        )
        ((shard, offset, size),) = database.execute(query, (key,))
    text = packed.shards[shard].read_bytes()[offset : offset + size].decode()
    assert text == packed.samples[4]["txt"]
