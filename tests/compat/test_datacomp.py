"""The subset file and the folder of a snapshot are what DataComp's resharder takes."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq

from pipelines.exporting.datacomp import export_datacomp
from tests.compat.environments import run_reader
from tests.compat.handing import handing, keeping


def texts_and_media(tar_path):
    """Key -> extension -> text or digest."""
    samples: dict[str, dict[str, str]] = {}
    with tarfile.open(tar_path) as tar:
        for member in tar.getmembers():
            key, extension = member.name.split(".")
            data = tar.extractfile(member).read()
            value = data.decode() if extension == "txt" else hashlib.sha256(data).hexdigest()
            samples.setdefault(key, {})[extension] = value
    return samples


def weighted(packed, output, weights):
    """An export of a view that keeps these samples, by uid."""
    plain = handing(packed, output, is_weighted=True)
    return export_datacomp(replace(plain, selection=keeping(plain.selection, dict.fromkeys(weights, "train"), weights)))


def test_a_subset_picks_its_samples_out_of_the_folder_of_a_snapshot(mixed, home, tmp_path):
    kept = mixed.samples[1::3]
    made = weighted(mixed, tmp_path / "view", {one["__key__"]: 2.0 if one is kept[0] else 1.0 for one in kept})
    (input_dir,) = made["input_dirs"]
    read = run_reader("datacomp", tmp_path / "view" / "uids.npy", input_dir, tmp_path / "out", home=home)
    assert read == {"version": "0.2.31", "sizes": [12] * 5, "read": 60}
    found = texts_and_media(tmp_path / "out" / "00000000.tar")
    for members in found.values():
        members.pop("json")
    expected = {f"{one['__key__']}-0": {name: one[name] for name in one if name != "__key__"} for one in kept}
    assert found == expected | {f"{kept[0]['__key__']}-1": expected[f"{kept[0]['__key__']}-0"]}, "a repeat is a weight"


def test_the_exported_subset_is_sorted_and_holds_every_uid_once(mixed, tmp_path):
    export_datacomp(handing(mixed, tmp_path / "all"))
    subset = np.load(io.BytesIO((tmp_path / "all" / "uids.npy").read_bytes()))
    pairs = subset.tolist()
    assert pairs == sorted(set(pairs))
    assert {f"{high:016x}{low:016x}" for high, low in pairs} == {sample["__key__"] for sample in mixed.samples}


def test_boxes_of_faces_are_found_by_uid_as_the_resharder_looks_them_up(mixed, tmp_path):
    export_datacomp(handing(mixed, tmp_path / "all"))
    listed = json.loads((tmp_path / "all" / "blur_metadata_map.json").read_text())
    assert {shard for one in listed.values() for shard in one["shards"]} == set(map(str, mixed.shards[:4]))
    boxes = {}
    for one in listed.values():
        table = pq.read_table(one["parquet"], columns=["uid", "face_bboxes"])
        assert table["uid"].null_count == 0
        boxes |= dict(zip(table["uid"].to_pylist(), table["face_bboxes"].to_pylist(), strict=True))
    keys = [sample["__key__"] for sample in mixed.samples]
    assert [keys.index(uid) for uid in keys if boxes.get(uid) == [[0.25, 0.25, 0.5, 0.75]]] == list(range(0, 48, 8))
