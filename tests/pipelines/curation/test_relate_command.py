import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.__main__ import main
from pipelines.curation.curating import curate
from pipelines.curation.policy import load_policy, parse_policy
from pipelines.curation.views import open_view
from pipelines.errors import PolicyError
from pipelines.samples import Modality
from pipelines.shards.reading import read_sidecars
from pipelines.signals.alignment import score_alignment
from pipelines.signals.files import read_signals
from pipelines.signals.relating.targets import norm_sims
from pipelines.signals.vectors import read_vectors
from tests.pipelines.signals.encoders import HashingEncoder

SOME = parse_policy("some", "select uid, caption > 'number 2' as late from samples")


@pytest.fixture
def scored(corpus, made):
    layout, snapshot = corpus(made.things(6))
    return layout, snapshot, score_alignment(layout, snapshot, HashingEncoder(), trained_on=frozenset()).embeddings


def said(capsys, *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_kept_images_of_a_view_are_targets(scored, capsys):
    layout, snapshot, key = scored
    view = curate(layout, [snapshot], policy=SOME, view="task")
    answer = said(capsys, "relate", "targets", "--root", layout.root, "--embeddings", key,
                  "--targets", f"task/{view.digest[:8]}")  # fmt: skip
    uids, vectors = read_vectors(layout, snapshot, key, Modality.IMAGE)
    found = {row["uid"]: row["norm_sim_2"] for row in read_signals(layout, snapshot, [answer["family"]]).to_pylist()}
    assert view.num_kept == 3
    expected = norm_sims(vectors, vectors[:3])[0]
    assert np.allclose([found[uid] for uid in uids.to_pylist()], expected, rtol=1e-5)


def test_a_list_of_its_own_is_kept_beside_what_it_names(scored, capsys):
    layout, snapshot, _ = scored
    answer = said(capsys, "relate", "entries", "--root", layout.root, "--min-count", "2")
    (row, *_) = read_signals(layout, snapshot, [answer["family"]]).to_pylist()
    (path,) = Path(layout.reference("")).iterdir()
    entries = json.loads(path.read_text(encoding="utf-8"))
    assert [entries[position] for position in row["matched_entries"]] == ["number"]
    assert answer["snapshots"][str(snapshot)]["num_shards_measured"] == 1


def test_batches_are_related_by_command_and_what_lacks_is_named(scored, capsys):
    layout, snapshot, key = scored
    answer = said(capsys, "relate", "batches", "--root", layout.root, "--embeddings", key, "--divisions", "2")
    assert "neg_clip_loss" in read_signals(layout, snapshot, [answer["family"]]).column_names
    assert main(["relate", "centroids", "--root", layout.root]) == 1
    assert "--embeddings and --centroids not given" in capsys.readouterr().err


def test_a_policy_names_a_relation_by_its_columns_and_its_family_by_key(scored, capsys):
    layout, snapshot, key = scored
    family = said(capsys, "relate", "batches", "--root", layout.root, "--embeddings", key)["family"]
    rule = parse_policy("common", "select uid, neg_clip_loss < -0.2 as common from samples")
    with pytest.raises(PolicyError, match=r"line 1 \(column common\): neg_clip_loss is of a relation, and 0 families"):
        curate(layout, [snapshot], policy=rule, view="main")
    report = curate(layout, [snapshot], policy=rule, view="main", relations=[family])
    values = read_signals(layout, snapshot, [family])["neg_clip_loss"].to_numpy()
    assert report.num_kept == np.count_nonzero(values >= -0.2)
    view = open_view(layout, "main", report.digest)
    assert family in view.manifest["inputs"]["signals"]
    with pytest.raises(PolicyError, match="names no column of batches"):
        curate(layout, [snapshot], policy=SOME, view="main", relations=[family])
    with pytest.raises(PolicyError, match=r"not measured: batches@000000000000 of 6 samples.* relate batches --root"):
        curate(layout, [snapshot], policy=rule, view="main", relations=["batches@000000000000"])


def test_scores_of_a_foreign_table_are_an_alignment_family(scored, capsys, tmp_path):
    layout, snapshot, _ = scored
    names = [row["reference"] for row in read_sidecars(layout, snapshot).to_pylist()]
    values = [0.1, 0.2, 0.3, 0.3, None]
    table = {"name": names[:5], "clip_l14_similarity_score": values}
    pq.write_table(pa.table(table), tmp_path / "00000000.parquet")
    given = ["--root", layout.root, "--table", str(tmp_path), "--key", "reference", "--table-key", "name",
             "--score", "clip_l14_similarity_score"]  # fmt: skip
    answer = said(capsys, "relate", "scores", *given)
    found = read_signals(layout, snapshot, [answer["family"]]).to_pylist()
    assert answer["family"].startswith("alignment@")
    assert [row["image_text_score"] for row in found] == pytest.approx([0.1, 0.2, 0.3, 0.3, None, None])
    assert [row["image_text_score_percentile"] for row in found] == [25, 50, 100, 100, None, None]
    best = load_policy("datacomp_clip_threshold").with_params({"threshold": 0.3})
    assert curate(layout, [snapshot], policy=best, view="best", alignment=answer["family"]).num_kept == 2
    masked = said(capsys, "relate", "masked", *given)["family"]
    report = curate(layout, [snapshot], policy=load_policy("tmars"), view="tmars", relations=[masked])
    assert report.num_kept == 3  # the upper half of four, and the score at its end
    assert said(capsys, "relate", "masked", *given)["snapshots"][str(snapshot)]["num_shards_measured"] == 0


def test_a_foreign_table_that_cannot_be_joined_is_refused(scored, capsys, tmp_path):
    layout, _, _ = scored
    pq.write_table(pa.table({"uid": ["0" * 32, "0" * 32], "s": [0.1, 0.2]}), tmp_path / "a.parquet")
    given = ["relate", "scores", "--root", layout.root, "--table", str(tmp_path / "a.parquet"), "--key", "uid"]
    for arguments, message in (
        (["--score", "s"], "has several scores"),
        (["--score", "t"], "Name its columns"),
        (["--score", "s", "--table-key", "s"], "no sample of things/one is in it by uid"),
    ):
        assert main([*given, *arguments]) == 1
        assert message in capsys.readouterr().err
