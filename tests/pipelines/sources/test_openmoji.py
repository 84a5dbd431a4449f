import io
import pickle
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from PIL import Image

from pipelines.errors import SampleError
from pipelines.layout import Layout
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources.openmoji import SPOKEN, OpenmojiSource, open_openmoji
from pipelines.sources.source import SourceSubset


@pytest.fixture(scope="module")
def source() -> OpenmojiSource:
    return open_openmoji(corpus="openmoji", licence="CC-BY-SA-4.0")


def test_every_named_drawing_is_spoken_once_or_in_six_languages(source: OpenmojiSource):
    references = list(source.references())
    num_records = Counter(reference.name.split("/")[0] for reference in references)
    assert (len(references), len(num_records)) == (13_568, 3_953)
    assert Counter(num_records.values()) == {1: 2_030, 6: 1_923}
    assert [reference.row for reference in references] == list(range(len(references)))
    assert len({reference.name for reference in references}) == len(references)


def test_consecutive_records_share_a_drawing(source: OpenmojiSource):
    codes = [reference.name.split("/")[0] for reference in source.references()]
    assert len(list(groupby(codes))) == len(set(codes))


def test_a_record_says_that_its_speech_is_synthetic(source: OpenmojiSource):
    reference = next(one for one in source.references() if one.name == "1F436/ru")
    record = source.read_one(reference)
    assert record.original_data["speech"] == "synthetic"
    assert record.voice.startswith("espeak-ng/ru+")
    assert (record.language, record.caption, record.tags) == ("ru", "морда собаки", ("Animals & Nature",))
    assert len(record.texts) == 14
    assert set(SPOKEN) <= set(record.texts)
    with Image.open(io.BytesIO(record.image or b"")) as image:
        assert (image.format, image.size) == ("PNG", (128, 128))
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_skin_tone_variant_is_in_the_group_of_its_base(source: OpenmojiSource):
    by_code = {reference.name.split("/")[0]: reference for reference in source.references()}
    assert by_code["1F44D-1F3FD"].group == by_code["1F44D"].group == "1F44D"
    assert source.read_one(by_code["1F44D-1F3FD"]).original_data["skin_tone"] == "1F3FD"


def test_reading_does_not_depend_on_what_was_read_before(source: OpenmojiSource):
    references = list(source.references())[::450]
    forwards = {reference.name: source.read_one(reference) for reference in references}
    backwards = {reference.name: source.read_one(reference) for reference in reversed(references)}
    assert forwards == backwards


def test_a_copy_in_another_process_reads_the_same_bytes(source: OpenmojiSource, tmp_path: Path):
    reference = list(source.references())[5_000]
    (tmp_path / "work").write_bytes(pickle.dumps((source, reference)))
    code = (
        "import pickle, sys; s, r = pickle.load(open(sys.argv[1], 'rb')); x = s.read_one(r);"
        "import hashlib; print(hashlib.sha256(x.image + x.audio).hexdigest())"
    )
    out = subprocess.run([sys.executable, "-c", code, tmp_path / "work"], capture_output=True, text=True, check=True)
    record = source.read_one(reference)
    import hashlib

    assert out.stdout.strip() == hashlib.sha256((record.image or b"") + (record.audio or b"")).hexdigest()


def test_packing_gives_the_same_bytes_whatever_the_number_of_workers(source: OpenmojiSource, tmp_path: Path):
    subset = SourceSubset(source=source, step=300)
    reports = [
        pack(
            subset,
            layout=Layout(str(tmp_path / str(num_workers))),
            config=PackingConfig(samples_per_shard=samples, num_workers=num_workers),
        )
        for num_workers, samples in ((1, 12), (2, 12))
    ]
    assert reports[0].num_samples == 46
    assert reports[0].digest == reports[1].digest


def test_excluded_drawings_are_counted(source: OpenmojiSource):
    without_flags = open_openmoji(corpus="openmoji", licence="x", exclude=("1F1",))
    assert without_flags.snapshot != source.snapshot
    assert int(without_flags.facts()["num_drawings"]) < int(source.facts()["num_drawings"]) == 3_953
    assert not any(reference.name.startswith("1F1") for reference in without_flags.references())


@pytest.mark.parametrize("name", ["1F436/xx", "E000/en", "../../1F436/en"])
def test_what_is_no_drawing_is_a_sample_error(source: OpenmojiSource, name: str):
    with pytest.raises(SampleError):
        source.read_one(replace(next(source.references()), name=name))
