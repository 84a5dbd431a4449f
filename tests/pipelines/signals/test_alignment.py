from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.errors import SignalError
from pipelines.samples import Modality
from pipelines.shards.reading import read_shard, read_sidecars
from pipelines.signals import encoding
from pipelines.signals.alignment import Judge, percentiles, score_alignment, score_by_cross_fitting
from pipelines.signals.columns import SCORES
from pipelines.signals.files import read_facts
from pipelines.signals.folds import fold_column
from pipelines.signals.markers import read_marker
from pipelines.signals.measuring import measure, read_signals
from pipelines.signals.schema import alignment_family
from pipelines.signals.vectors import read_vectors
from tests.pipelines.signals.encoders import HashingEncoder


def test_scores_are_the_cosines_of_each_sample(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder()
    report = score_alignment(layout, snapshot, encoder, trained_on=frozenset())
    table = read_signals(layout, snapshot, [report.key])
    samples = [sample for shard in range(3) for sample in read_shard(layout, snapshot, shard)]
    assert table["uid"].to_pylist() == [sample.uid for sample in samples]
    for row, sample in zip(table.to_pylist(), samples, strict=True):
        image, text, audio = (encoder.vector(part) for part in (sample.image, sample.text.encode(), sample.audio))
        assert row["image_text_score"] == pytest.approx(image @ text, abs=1e-3)
        assert row["audio_text_score"] == pytest.approx(audio @ text, abs=1e-3)
        assert row["image_audio_score"] == pytest.approx(image @ audio, abs=1e-3)
    assert table.schema.equals(alignment_family(encoder.digest)[1])
    assert report.num_samples == 12


def test_each_different_member_is_encoded_once_per_shard(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder()
    score_alignment(layout, snapshot, encoder, trained_on=frozenset())
    sidecars = read_sidecars(layout, snapshot).to_pandas()
    media = sidecars.groupby("shard")[["image_sha256", "audio_sha256"]].nunique().to_numpy().sum()
    english = sidecars.groupby("shard")["texts"].agg(lambda texts: {dict(pairs)["en"] for pairs in texts})
    captions = sidecars.groupby("shard")["caption"].agg(set)
    expected = media + sum(len(a | b) for a, b in zip(english, captions, strict=True))
    assert sum(encoder.batches) == expected < 40


def test_batches_do_not_change_the_scores(tiny_snapshot, monkeypatch):
    layout, snapshot = tiny_snapshot
    one = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    monkeypatch.setattr(encoding, "_CHUNK_MEMBERS", 2)
    other = score_alignment(layout, snapshot, HashingEncoder(name="two"), trained_on=frozenset())
    assert one.key != other.key
    assert one.digest != other.digest  # the files say which model it was
    assert read_signals(layout, snapshot, [one.key]).equals(read_signals(layout, snapshot, [other.key]))


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
    for score in SCORES[:3]:
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
    assert (first.num_shards_embedded, second.num_shards_embedded) == (3, 0)
    assert first.digest == second.digest


def test_only_lost_shards_are_encoded_again(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    first = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    Path(layout.signal(first.embeddings, snapshot, 1)).unlink()
    Path(layout.signal(first.key, snapshot, 1)).unlink()
    second = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    assert second.num_shards_embedded == 1
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


def test_a_modality_that_the_model_lacks_has_null_scores_and_the_metadata_says_so(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder(modalities=(Modality.IMAGE, Modality.TEXT))
    report = score_alignment(layout, snapshot, encoder, trained_on=frozenset())
    table = read_signals(layout, snapshot, [report.key])
    assert report.modalities == ("image", "text")
    assert table["image_text_score"].null_count == 0
    assert table["audio_text_score"].null_count == table["image_audio_score_percentile"].null_count == 12
    for key in (report.key, report.embeddings):
        facts = read_facts(layout.signal(key, snapshot, 2))
        assert (facts["modalities"], facts["model_digest"]) == ("image,text", encoder.digest)
    assert read_marker(layout, report.key, snapshot).settings["modalities"] == "image,text"


def test_a_caption_in_another_language_is_held_against_its_english_text(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder()
    report = score_alignment(layout, snapshot, encoder, trained_on=frozenset())
    rows = read_sidecars(layout, snapshot).to_pylist(maps_as_pydicts="strict")
    for row, found in zip(rows, read_signals(layout, snapshot, [report.key]).to_pylist(), strict=True):
        if row["language"] == "en":
            assert found["text_text_score"] is None
        else:
            expected = encoder.vector(row["caption"].encode()) @ encoder.vector(row["texts"]["en"].encode())
            assert found["text_text_score"] == pytest.approx(expected, abs=1e-3)


def test_texts_in_languages_that_the_model_does_not_know_get_no_vector(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    encoder = HashingEncoder(languages=("en",))
    report = score_alignment(layout, snapshot, encoder, trained_on=frozenset())
    is_english = [language == "en" for language in read_sidecars(layout, snapshot)["language"].to_pylist()]
    table = read_signals(layout, snapshot, [report.key])
    assert table["image_text_score"].is_valid().to_pylist() == is_english
    assert table["text_text_score"].null_count == 12


def test_lost_scores_come_from_the_vectors_and_only_those(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    first = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    Path(layout.signal(first.key, snapshot, 1)).unlink()
    unused = Path(layout.signal(first.embeddings, snapshot, 0))
    table = pq.read_table(unused)
    damaged = table.set_column(1, "image_vector", table["audio_vector"]).replace_schema_metadata(table.schema.metadata)
    pq.write_table(damaged, unused)
    again = HashingEncoder()
    second = score_alignment(layout, snapshot, again, trained_on=frozenset())
    assert again.batches == []
    assert second.digest == first.digest


def test_a_run_that_was_killed_is_finished_by_the_next(tiny_snapshot):
    layout, snapshot = tiny_snapshot

    class Dying(HashingEncoder):
        def embed_audio(self, clips):
            if len(self.batches) > 3:
                raise KeyboardInterrupt
            return super().embed_audio(clips)

    with pytest.raises(KeyboardInterrupt):
        score_alignment(layout, snapshot, Dying(), trained_on=frozenset())
    report = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    assert report.num_shards_embedded == 2
    again = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    assert again.digest == report.digest


def test_the_number_of_workers_does_not_change_a_byte(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    one = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    files = {path: path.read_bytes() for path in Path(layout.signals(one.embeddings, snapshot)).iterdir()}
    for path in files:
        path.unlink()
    two = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset(), num_workers=2)
    assert two.num_shards_embedded == 3
    assert {path: path.read_bytes() for path in files} == files
    assert two.digest == one.digest


def test_ties_share_a_rank_whatever_their_order():
    values = np.array([2.0, 1.0, 2.0, 3.0, 2.0])
    expected = np.array([80.0, 20.0, 80.0, 100.0, 80.0])
    order = np.array([3, 0, 4, 2, 1])
    assert percentiles(values, np.zeros(5)) == pytest.approx(expected)
    assert percentiles(values[order], np.zeros(5)) == pytest.approx(expected[order])


class TestCrossFitting:
    def test_each_half_is_scored_by_its_own_model_and_none_is_in_sample(self, tiny_snapshot):
        layout, snapshot = tiny_snapshot
        records = read_sidecars(layout, snapshot)
        folds = fold_column(records["group"])
        uids = np.array(records["uid"].to_pylist())
        assert 0 < folds.sum() < len(folds)
        judges = tuple(
            Judge(encoder=HashingEncoder(name=name, seed=fold), trained_on=frozenset(uids[folds != fold].tolist()))
            for fold, name in enumerate(("first", "second"))
        )
        report = score_by_cross_fitting(layout, snapshot, judges)
        assert report.num_in_sample == 0
        table = read_signals(layout, snapshot, [report.key])
        assert table["scoring_fold"].to_pylist() == folds.tolist()
        assert table["uid"].to_pylist() == uids.tolist()
        samples = [sample for shard in range(3) for sample in read_shard(layout, snapshot, shard)]
        for sample, fold, score in zip(samples, folds, table["image_text_score"].to_pylist(), strict=True):
            encoder = judges[fold].encoder
            assert score == pytest.approx(encoder.vector(sample.image) @ encoder.vector(sample.text.encode()), abs=1e-3)

    def test_a_model_that_saw_what_it_scores_is_told_on(self, tiny_snapshot):
        layout, snapshot = tiny_snapshot
        uids = read_sidecars(layout, snapshot)["uid"].to_pylist()
        every = frozenset(uids)
        judges = (
            Judge(encoder=HashingEncoder(), trained_on=every),
            Judge(encoder=HashingEncoder(name="b"), trained_on=frozenset()),
        )
        report = score_by_cross_fitting(layout, snapshot, judges)
        assert report.num_in_sample == int((fold_column(read_sidecars(layout, snapshot)["group"]) == 0).sum())

    def test_vectors_of_two_spaces_are_read_one_fold_at_a_time(self, tiny_snapshot):
        layout, snapshot = tiny_snapshot
        judges = tuple(Judge(encoder=HashingEncoder(name=name), trained_on=frozenset()) for name in "ab")
        report = score_by_cross_fitting(layout, snapshot, judges)
        with pytest.raises(SignalError, match="whose spaces differ"):
            read_vectors(layout, snapshot, report.embeddings, Modality.IMAGE)
        halves = [read_vectors(layout, snapshot, report.embeddings, Modality.IMAGE, fold=fold)[0] for fold in (0, 1)]
        assert sum(map(len, halves)) == 12

    def test_two_models_that_do_not_match_are_refused(self, tiny_snapshot):
        layout, snapshot = tiny_snapshot
        judges = (
            Judge(encoder=HashingEncoder(), trained_on=frozenset()),
            Judge(encoder=HashingEncoder(name="b", modalities=(Modality.TEXT,)), trained_on=frozenset()),
        )
        with pytest.raises(SignalError, match="expected two models of one recipe"):
            score_by_cross_fitting(layout, snapshot, judges)


@pytest.mark.ray
def test_a_cluster_gives_the_files_that_processes_give(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    here = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset())
    files = {path: path.read_bytes() for path in Path(layout.signals(here.embeddings, snapshot)).iterdir()}
    for path in files:
        path.unlink()
    there = score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset(), num_workers=2, on="ray")
    assert there.num_shards_embedded == 3
    assert {path: path.read_bytes() for path in files} == files
