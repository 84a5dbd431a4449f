"""Zero-shot classification: class vectors, languages, what a perfect and an ignorant model get."""

import numpy as np
import pytest

from mmmodels.alignment.bundle import load_aligner
from mmmodels.evaluation.templates import AUDIO, IMAGE, OTHER, prompts, templates_of
from mmmodels.evaluation.zeroshot import class_names, class_vectors, metrics_of
from pipelines.curation.splits import Split
from tests.mmmodels.small import save_random_aligner

LATIN = {"de", "en", "es", "fr", "id", "it", "pt", "tr"}


@pytest.fixture(scope="module")
def aligner(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aligner")
    return load_aligner(save_random_aligner(folder, run_key="r"))


@pytest.mark.parametrize("templates", [IMAGE, AUDIO])
def test_there_are_prompts_in_many_languages_and_scripts_and_each_holds_the_name(templates):
    assert len(templates) >= 8
    assert len(set(templates) - LATIN) >= 4
    for texts in templates.values():
        assert len(set(texts)) == len(texts) > 1
        assert all(text.count("{}") == 1 for text in texts)
    assert templates_of("image", "no such language") == OTHER


def test_braces_in_a_name_are_left_alone():
    assert prompts("{x}", ("a {}", "{}")) == ["a {x}", "{x}"]


def test_a_class_vector_is_the_mean_of_its_prompts_at_length_one_whatever_the_chunks(aligner, monkeypatch):
    names, templates = ["red circle", "blue square", "кот"], ("{}", "a picture of {}")
    monkeypatch.setattr("mmmodels.evaluation.zeroshot.CLASSES_AT_ONCE", 2)
    found = class_vectors(aligner, names, templates)
    for name, vector in zip(names, found, strict=True):
        mean = aligner.embed_texts(prompts(name, templates)).mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


def test_class_names_are_those_of_the_views_texts_in_each_language(patterns_data):
    held_out = np.flatnonzero(patterns_data.in_split(Split.HELD_OUT_CONCEPT))
    names = class_names(patterns_data, held_out)
    assert set(names) == {"en", "fr"}
    texts = patterns_data.column("texts")
    for language, of_group in names.items():
        assert set(of_group) == set(patterns_data.groups[held_out].tolist())
        for group, name in of_group.items():
            said = [dict(texts[row])[language] for row in held_out if patterns_data.groups[row] == group]
            assert name in said


class Knowing:
    """Stands where a trained model would: gives each concept a direction of its own, in whatever form it comes."""

    def __init__(self, aligner, data):
        self.model = aligner.model
        held_out = np.flatnonzero(data.in_split(Split.HELD_OUT_CONCEPT))
        names = class_names(data, held_out)
        self.concepts = {name: group for of_group in names.values() for group, name in of_group.items()}
        self.known = {
            data.inputs(modality, np.array([[row, -1]])).tobytes(): data.groups[row]
            for modality in ("image", "audio")
            for row in held_out
        }

    def embed_texts(self, texts):
        longest = [max((name for name in self.concepts if name in text), key=len) for text in texts]
        return self.directions([self.concepts[name] for name in longest])

    def embed_tensor(self, _modality, inputs):
        return self.directions([self.known[one.tobytes()] for one in inputs])

    def directions(self, groups):
        return np.eye(400, dtype=np.float32)[groups]


def test_a_model_that_knows_every_concept_is_always_right_and_an_ignorant_one_is_near_chance(aligner, patterns_data):
    metrics, queries = metrics_of(Knowing(aligner, patterns_data), patterns_data)
    assert {name.split("/")[1] for name in metrics} == {
        *("image_en", "image_fr", "image_all", "audio_en", "audio_fr", "audio_all")
    }
    assert all(metric["value"] == metric["low"] == metric["high"] == 1.0 for metric in metrics.values())
    assert len(queries) == sum(
        metrics[f"zero_shot/{m}_{t}/acc_at_1"]["n"] for m in ("image", "audio") for t in ("en", "fr")
    )
    plain, _ = metrics_of(aligner, patterns_data)
    metric = plain["zero_shot/image_all/acc_at_1"]
    assert metric["value"] < 5 * metric["chance"]
    assert metric["chance"] == pytest.approx(1 / metric["num_candidates"])
    for metric in plain.values():
        assert 0 <= metric["low"] <= metric["value"] <= metric["high"] <= 1
