"""What a trainer sees of a view: no held-out text, every medium once, cached and uncached media alike."""

import dataclasses

import numpy as np

from mmmodels.preparing.texts import trainable_texts
from pipelines.curation.splits import Split, is_held_out_text


def test_no_pool_holds_a_text_that_is_held_out(patterns_data):
    pool = patterns_data.image_texts()
    groups, rows = patterns_data.column("group"), patterns_data.column("texts")
    languages = [{text: language for language, text in texts} for texts in rows]
    assert len(pool) > 50
    for row, number in pool.entries:
        language = languages[row][patterns_data.texts[number]]
        assert not is_held_out_text(groups[row], language)


def test_no_held_out_text_trains_the_tokenizer(patterns_data):
    texts = set(trainable_texts(patterns_data.table))
    concepts = patterns_data.table.filter(patterns_data.in_split(Split.HELD_OUT_CONCEPT))
    assert len(concepts) > 5
    assert not texts & set(concepts["caption"].to_pylist())


def test_media_decoded_on_demand_equal_the_cached_ones(patterns_data):
    rows = np.array([0, 7, 19, 7])
    for media in patterns_data.media.values():
        assert media.decoded is not None
        on_demand = dataclasses.replace(media, decoded=None)
        assert np.array_equal(media.read(rows), on_demand.read(rows))


def test_a_medium_that_many_samples_share_is_decoded_once(patterns_data):
    image = patterns_data.media["image"]
    assert len(image.members) == len(set(patterns_data.column("image_sha256")))
    assert len(image.members) < len(patterns_data.table)
