import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from pipelines.errors import SampleError
from pipelines.samples import Record
from pipelines.sources.drawing import render_svg
from pipelines.sources.folder import FolderSource, open_folder
from pipelines.sources.guessing import reader_of
from pipelines.sources.speech import say, voice_of
from pipelines.sources.videos import bounds, opening
from tests.video_files import CODECS, RATE_HZ, write_video

SRT = "1\n00:00:00,200 --> 00:00:01,800\nred square\n\n2\n00:00:02,000 --> 00:00:03,900\nblue circle\n"
RED = '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96"><rect width="96" height="96" fill="red"/></svg>'
BLUE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96"><circle cx="48" cy="48" r="90" fill="blue"/></svg>'
)


@pytest.fixture(scope="module")
def scenes() -> list[tuple[bytes, bytes | None, float]]:
    voice = voice_of("en", 0)
    return [
        (render_svg(RED, width=96, height=96), say("red square", voice), 2.0),
        (render_svg(BLUE, width=96, height=96), say("blue circle", voice), 2.0),
    ]


def outcomes(source: FolderSource) -> dict[str, Record | SampleError]:
    references = list(source.references())
    return {one.name: found for one, found in zip(references, source.read(references), strict=True)}


def colour(record: Record) -> tuple[int, ...]:
    assert record.image is not None
    return tuple(np.asarray(Image.open(io.BytesIO(record.image)), dtype=float)[48, 48].round(-2).tolist())


@pytest.mark.parametrize("suffix", CODECS)
def test_each_cue_of_a_video_is_a_record_with_the_frame_and_the_sound_of_its_time(tmp_path: Path, scenes, suffix: str):
    write_video(tmp_path / f"a{suffix}", scenes)
    (tmp_path / "a.srt").write_text(SRT)
    (tmp_path / "a.fr.vtt").write_text("WEBVTT\n\n00:02.100 --> 00:03.000\ncercle bleu\n")
    found = outcomes(open_folder(tmp_path, corpus="c", languages=("en",)))
    assert list(found) == [f"a{suffix}#t=0.200,1.800", f"a{suffix}#t=2.000,3.900"]
    first, second = found.values()
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.caption, second.texts) == ("red square", {"en": "blue circle", "fr": "cercle bleu"})
    assert first.reference.group == second.reference.group == "a"
    assert (colour(first), colour(second)) == ((300, 0, 0), (0, 0, 300))
    assert second.audio is not None
    wave, rate = soundfile.read(io.BytesIO(second.audio))
    assert len(wave) / rate == pytest.approx(1.9, abs=0.001)
    assert np.abs(wave).max() > 0.05
    assert float(second.original_data["frame_seconds"]) == pytest.approx(2.95, abs=0.05)


def test_sound_stands_where_it_is_in_the_video(tmp_path: Path, scenes):
    silent, heard = (scenes[0][0], None, 2.0), scenes[1]
    write_video(tmp_path / "a.mkv", [silent, heard])
    (tmp_path / "a.srt").write_text("1\n00:00:01,500 --> 00:00:04,000\nblue circle\n")
    (record,) = outcomes(open_folder(tmp_path, corpus="c")).values()
    assert isinstance(record, Record)
    assert record.audio is not None
    cut = soundfile.read(io.BytesIO(record.audio), dtype="int16")[0]
    said = soundfile.read(io.BytesIO(heard[1]), dtype="int16")[0]
    start = round(0.5 * RATE_HZ)
    assert not cut[:start].any()
    np.testing.assert_array_equal(cut[start : start + len(said)], said)


def test_a_video_without_timed_text_is_cut_into_equal_stretches(tmp_path: Path, scenes):
    write_video(tmp_path / "a.webm", [(scenes[0][0], scenes[0][1], 7.0)])
    (tmp_path / "a.txt").write_text("a red square, for long")
    found = outcomes(open_folder(tmp_path, corpus="c", languages=("en",)))
    assert len(found) == 2
    assert {record.caption for record in found.values()} == {"a red square, for long"}
    assert sum(float(one.original_data["end_seconds"]) - float(one.original_data["start_seconds"])
               for one in found.values()) == pytest.approx(7.0, abs=0.05)  # fmt: skip


def test_a_video_without_sound_gives_pictures(tmp_path: Path, scenes):
    write_video(tmp_path / "a.mp4", scenes, with_sound=False)
    (record,) = outcomes(open_folder(tmp_path, corpus="c")).values()
    assert isinstance(record, Record)
    assert record.audio is None
    assert record.image is not None


def test_what_cannot_be_read_is_one_row_with_its_reason(tmp_path: Path, scenes):
    whole = write_video(tmp_path / "whole.mp4", scenes).read_bytes()
    (tmp_path / "whole.srt").write_text(SRT.replace("00:00:03,900", "00:00:00,900"))
    (tmp_path / "cut.mp4").write_bytes(whole[:2000])
    (tmp_path / "list.mp4").write_text("#EXTM3U\nfile:///etc/passwd\n")
    (tmp_path / "empty.webm").write_bytes(b"")
    found = outcomes(open_folder(tmp_path, corpus="c"))
    reasons = {name: str(error) for name, error in found.items() if isinstance(error, SampleError)}
    assert set(reasons) == {"whole.mp4", "cut.mp4", "list.mp4", "empty.webm"}
    assert "whole.srt: line 6: ends at" in reasons["whole.mp4"]
    assert "does not decode" in reasons["cut.mp4"]
    assert "unknown format" in reasons["list.mp4"]


@pytest.mark.parametrize(
    ("module", "name", "value", "reason"),
    [
        (opening, "MAX_SECONDS", 3, "video of 4.0 s"),
        (opening, "MAX_PIXELS", 64 * 64, "96x96 pixels"),
        (opening, "MAX_STREAMS", 1, "2 streams"),
    ],
)
def test_a_video_beyond_a_limit_is_refused(tmp_path: Path, scenes, monkeypatch, module, name, value, reason):
    write_video(tmp_path / "a.mkv", scenes)
    monkeypatch.setattr(module, name, value)
    (error,) = outcomes(open_folder(tmp_path, corpus="c")).values()
    assert isinstance(error, SampleError)
    assert reason in str(error)


def test_a_cue_behind_the_end_or_longer_than_is_taken_is_a_row_with_its_reason(tmp_path: Path, scenes):
    write_video(tmp_path / "a.mkv", scenes)
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\na\n\n2\n00:01:00,000 --> 00:01:01,000\nb\n")
    first, second = outcomes(open_folder(tmp_path, corpus="c")).values()
    assert isinstance(first, Record)
    assert "ends at 4.0" in str(second)
    assert bounds.MAX_SEGMENT_SECONDS == 30.0


@pytest.mark.slow
def test_damaged_videos_never_do_more_than_fail_their_rows(tmp_path: Path, scenes):
    whole = write_video(tmp_path / "a.mkv", scenes).read_bytes()
    generator = np.random.default_rng(0)
    for number in range(40):
        data = bytearray(whole)
        for place in generator.integers(5, len(data), 30):
            data[place] = generator.integers(256)
        (tmp_path / f"b{number}.mkv").write_bytes(bytes(data))
    found = outcomes(open_folder(tmp_path, corpus="c"))
    assert all(isinstance(one, Record | SampleError) for one in found.values())


def test_a_folder_of_videos_alone_is_read_as_a_folder(tmp_path: Path, scenes):
    write_video(tmp_path / "a.webm", scenes)
    assert reader_of(str(tmp_path)) == "folder"
