import hashlib
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import SignalError
from pipelines.samples import sha256
from pipelines.shards.reading import read_shard, read_sidecars
from pipelines.signals import alignment
from pipelines.signals.alignment import percentiles, score_alignment
from pipelines.signals.columns import SCORES
from pipelines.signals.measuring import measure, read_signals
from pipelines.signals.schema import alignment_family


class HashingEncoder:
    """Unit vectors drawn from the content: the same content always gives the same vector."""

    def __init__(self, *, name: str = "one", scale: float = 1.0) -> None:
        self.digest = sha256(name.encode())
        self.scale = scale
        self.batches: list[int] = []

    def embed_images(self, images):
        return self._vectors(images)

    def embed_audio(self, clips):
        return self._vectors(clips)

    def embed_texts(self, texts):
        return self._vectors([text.encode() for text in texts])

    def _vectors(self, items):
        self.batches.append(len(items))
        vectors = np.stack([self.vector(item) for item in items])
        return (vectors * self.scale).astype(np.float32)

    @staticmethod
    def vector(item: bytes) -> np.ndarray:
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(item).digest()[:8]))
        vector = rng.standard_normal(16)
        return vector / np.linalg.norm(vector)


def test_scores_are_the_cosines_of_each_sample(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder()
    report = score_alignment(layout, snapshot, encoder, trained_on=frozenset())
    table = read_signals(layout, snapshot, [report.key])
    samples = [sample for shard in range(3) for sample in read_shard(layout, snapshot, shard)]
    assert table["uid"].to_pylist() == [sample.uid for sample in samples]
    for row, sample in zip(table.to_pylist(), samples, strict=True):
        image, text, audio = (encoder.vector(part) for part in (sample.image, sample.text.encode(), sample.audio))
        assert row["image_text_score"] == pytest.approx(image @ text, abs=1e-6)
        assert row["audio_text_score"] == pytest.approx(audio @ text, abs=1e-6)
        assert row["image_audio_score"] == pytest.approx(image @ audio, abs=1e-6)
    assert table.schema.equals(alignment_family(encoder.digest)[1])
    assert report.num_samples == 12


def test_each_different_member_is_encoded_once_per_shard(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder()
    score_alignment(layout, snapshot, encoder, trained_on=frozenset())
    sidecars = read_sidecars(layout, snapshot).to_pandas()
    expected = sidecars.groupby("shard")[["image_sha256", "caption", "audio_sha256"]].nunique().to_numpy().sum()
    assert sum(encoder.batches) == expected < 36


def test_batches_do_not_change_the_scores(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    one = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    monkeypatch.setattr(alignment, "_BATCH", 2)
    other = score_alignment(layout, snapshot, HashingEncoder(name="two"), trained_on=frozenset())
    assert one.digest == other.digest
    assert one.key != other.key


def test_an_absent_side_gives_null_scores_and_ranks(tmp_path, tiny_corpus):
    from pipelines.layout import Layout
    from pipelines.shards.packing import PackingConfig, pack
    from pipelines.sources.folder import open_folder

    for clip in (tiny_corpus / "food").glob("*.flac"):
        clip.unlink()
    layout = Layout(str(tmp_path / "root"))
    source = open_folder(tiny_corpus, corpus="tiny", languages=("en", "fr"))
    snapshot = pack(source, layout=layout, config=PackingConfig(samples_per_shard=3, num_workers=1)).snapshot
    report = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    table = read_signals(layout, snapshot, [report.key])
    silent = read_sidecars(layout, snapshot)["audio_sha256"].is_null().to_pylist()
    assert any(silent)
    assert not all(silent)
    for name in ("audio_text_score", "image_audio_score"):
        assert table[name].is_null().to_pylist() == silent
        assert table[f"{name}_percentile"].is_null().to_pylist() == silent
    assert table["image_text_score"].null_count == 0


def test_percentiles_are_within_the_source_and_over_the_whole_snapshot(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    report = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    table = read_signals(layout, snapshot, [report.key])
    sources = np.array(read_sidecars(layout, snapshot)["source"].to_pylist())
    for score in SCORES:
        values, ranks = table[score].to_numpy(), table[f"{score}_percentile"].to_numpy()
        expected = [100 * np.mean(values[sources == own] <= v) for v, own in zip(values, sources, strict=True)]
        assert ranks == pytest.approx(expected, abs=1e-4)


def test_percentiles_leave_absent_values_out():
    values = np.array([3.0, 1.0, np.nan, 2.0, 5.0, 5.0])
    sources = np.array(["a", "a", "a", "a", "b", "b"], dtype=object)
    found = percentiles(values, sources)
    assert found[[0, 1, 3, 4, 5]] == pytest.approx([100, 100 / 3, 200 / 3, 100, 100])
    assert np.isnan(found[2])


def test_samples_the_model_was_trained_on_are_labelled(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    uids = read_sidecars(layout, snapshot)["uid"].to_pylist()
    report = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset(uids[:5]) | {"elsewhere"})
    assert report.num_in_sample == 5
    assert read_signals(layout, snapshot, [report.key])["in_sample"].to_pylist() == [True] * 5 + [False] * 7


def test_a_second_call_encodes_nothing(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    first = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    again = HashingEncoder()
    second = score_alignment(layout, snapshot, again, trained_on=frozenset())
    assert again.batches == []
    assert (first.num_shards_scored, second.num_shards_scored) == (3, 0)
    assert first.digest == second.digest


def test_only_lost_shards_are_encoded_again(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    first = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    digits = first.key.partition("@")[2]
    Path(layout.signal(f"scores@{digits}", snapshot, 1)).unlink()
    Path(layout.signal(first.key, snapshot, 1)).unlink()
    second = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    assert second.num_shards_scored == 1
    assert second.digest == first.digest


def test_other_training_data_is_labelled_anew_without_encoding(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    first = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    uids = frozenset(read_sidecars(layout, snapshot)["uid"].to_pylist())
    again = HashingEncoder()
    second = score_alignment(layout, snapshot, again, trained_on=uids)
    assert again.batches == []
    assert (first.num_in_sample, second.num_in_sample) == (0, 12)
    assert first.digest != second.digest


def test_scores_stand_beside_the_other_families(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    measure(layout, snapshot, families=["text"], num_workers=1)
    report = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    table = read_signals(layout, snapshot, ["text", report.key])
    assert {"words", "image_text_score"} <= set(table.column_names)


def test_an_encoder_that_breaks_its_contract_is_refused(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    with pytest.raises(SignalError, match=r"00000000\.tar: the encoder gave .* image vectors .* of length 1"):
        score_alignment(layout, snapshot, HashingEncoder(scale=2), trained_on=frozenset())
    encoder = HashingEncoder()
    encoder.digest = "latest"
    with pytest.raises(SignalError, match="'latest': expected 64 hex digits"):
        score_alignment(layout, snapshot, encoder, trained_on=frozenset())
