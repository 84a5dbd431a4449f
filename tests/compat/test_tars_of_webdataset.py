"""Tars that webdataset's own writer wrote, in the layouts of several projects, packed by us."""

import json

import pytest

from pipelines.sources.webdatasets.webdataset import open_webdataset
from tests.compat.corpus import members_of
from tests.compat.environments import OURS, run, run_writer
from tests.compat.theirs import Given, packed_rows, sha256, write_given

IMAGES = ("jpg", "png", "webp")


def written(samples, environment, home, tmp_path, folder="tars"):
    given = write_given(tmp_path / "given", samples)
    made = run_writer("webdatasets", given, tmp_path / folder, environment=environment, home=home)
    assert made["num_samples"] == len(samples)
    return tmp_path / folder


def expected(given: Given) -> tuple[object, ...]:
    """(image, audio, text) of one sample; our readers fold white space in captions."""
    _, parts = given
    image = next((sha256(data) for part, data in parts.items() if part in IMAGES), None)
    return image, sha256(parts.get("flac")), " ".join(parts.get("txt", b"").decode().split())


@pytest.mark.parametrize("environment", [OURS, "webdataset"])
def test_every_sample_of_a_mixed_corpus_comes_back_as_it_was_given(environment, mixed, home, tmp_path):
    samples = [(f"sample{number:05d}", members) for number, members in enumerate(members_of(mixed))]
    for number, (_, members) in enumerate(samples):
        members["json"] = json.dumps({"license": "CC0-1.0", "language": "fr", "url": f"u{number}"}).encode()
    tars = written(samples, environment, home, tmp_path)
    rows = packed_rows(open_webdataset([str(tars)], corpus="theirs"), tmp_path / "root")
    assert [(row["image"], row["audio"], row["text"]) for row in rows] == [expected(given) for given in samples]
    assert [row["url"] for row in rows] == [f"u{number}" for number in range(len(samples))]
    assert {(row["license"], row["language"]) for row in rows} == {("CC0-1.0", "fr")}
    assert [str(row["reference"]).rpartition("/")[2] for row in rows] == [key for key, _ in samples]
    assert len({row["uid"] for row in rows}) == len(samples)


def test_pairs_as_laion_clap_writes_them_keep_all_their_captions(whole, home, tmp_path):
    """`{n}.flac` and `{n}.json` with a list of texts, tags, and the licence in `original_data`."""
    documents = [
        {
            "text": [f"a dog barks {n}", "barking"],
            "tag": ["dog", "animal"],
            "original_data": {"license": "CC-BY-4.0", "title": f"t{n}"},
        }
        for n in range(30)
    ]
    clips = [members["flac"] for members in members_of(whole)]
    samples = [
        (str(number), {"flac": clip, "json": json.dumps(document).encode()})
        for number, (clip, document) in enumerate(zip(clips, documents, strict=True))
    ]
    tars = written(samples, "webdataset", home, tmp_path, folder="train")
    rows = packed_rows(open_webdataset([str(tars)], corpus="clap", languages=("en",)), tmp_path / "root")
    assert [row["audio"] for row in rows] == [sha256(clip) for clip in clips]
    assert [[row["text"], *row["captions"]] for row in rows] == [document["text"] for document in documents]
    assert {tuple(row["tags"]) for row in rows} == {("dog", "animal")}
    assert {(row["license"], row["language"]) for row in rows} == {("CC-BY-4.0", "en")}


def test_a_folder_that_energon_prepared_is_read_as_the_tars_it_holds(mixed, home, tmp_path):
    """Tars in subfolders, `.tar.idx` files beside them, `.nv-meta` above."""
    samples = [(f"part/{number:04d}", members) for number, members in enumerate(members_of(mixed)) if members]
    written(samples, "webdataset", home, tmp_path, folder="energon/shards")
    options = ("--non-interactive", "--no-progress", "--num-workers", 1, "--split-ratio", "1,0,0")
    command = ("-m", "megatron.energon.cli.main", "prepare", tmp_path / "energon", *options)
    done = run("energon", *command, "--sample-type", "CrudeWebdataset", home=home)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "energon" / ".nv-meta" / "index.sqlite").exists()
    rows = packed_rows(open_webdataset([str(tmp_path / "energon")], corpus="energon"), tmp_path / "root")
    assert [(row["image"], row["audio"], row["text"]) for row in rows] == [expected(given) for given in samples]


@pytest.mark.parametrize("kind", ["classes", "retrieval"])
def test_a_clip_benchmark_dataset_keeps_its_classes_or_all_its_captions(kind, whole, home, tmp_path):
    pictures = [members["jpg"] for members in members_of(whole)][:12]
    (tmp_path / "given").mkdir()
    listed = []
    for number, picture in enumerate(pictures):
        (tmp_path / "given" / f"{number}.jpg").write_bytes(picture)
        listed.append([f"{number}.jpg", number % 3, [f"caption {number}", f"another {number}"]])
    (tmp_path / "given" / "samples.json").write_text(json.dumps(listed))
    made = run_writer("clip_benchmark", tmp_path / "given", tmp_path / "out", kind, home=home)
    assert made["version"] == "1.6.2"
    rows = packed_rows(open_webdataset([str(tmp_path / "out" / "test")], corpus="bench"), tmp_path / "root")
    assert [row["image"] for row in rows] == [sha256(picture) for picture in pictures]
    if kind == "classes":
        assert [row["tags"] for row in rows] == [[("a tile", "a boat", "a cat")[number % 3]] for number in range(12)]
    else:
        assert [[row["text"], *row["captions"]] for row in rows] == [captions for _, _, captions in listed]
