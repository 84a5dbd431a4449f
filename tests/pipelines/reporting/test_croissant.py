"""The description of a view for machines; tests/compat lets the real reader read it."""

import json
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.curation.views import View
from pipelines.reporting.croissant import VERSION, _license, croissant_json, croissant_of
from pipelines.storage import file_sha256, local_path


def test_it_says_what_the_specification_requires(nasty_view: View) -> None:
    found = croissant_of(nasty_view, folder=nasty_view.uri)
    for name in ("@context", "name", "description", "license", "url", "creator", "datePublished", "citeAs", "version"):
        assert found[name], name
    assert (found["@type"], found["conformsTo"]) == ("sc:Dataset", VERSION)
    assert found["license"] == ["https://spdx.org/licenses/CC0-1.0.html"]
    assert found["inLanguage"] == ["fr", "en"]
    assert nasty_view.digest in found["citeAs"]


def test_every_file_is_named_with_its_digest_and_found_from_where_the_description_lies(
    nasty_view: View, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    for folder in (nasty_view.uri, nasty_view.layout.root, str(tmp_path / "elsewhere")):
        files = [one for one in croissant_of(nasty_view, folder=folder)["distribution"] if "sha256" in one]
        assert len(files) == 3 + 3 + 1
        for one in files:
            path = local_path(folder) / one["contentUrl"]
            assert file_sha256(str(path)) == one["sha256"], one["@id"]


def test_identifiers_are_unique_and_references_lead_to_them(nasty_view: View) -> None:
    identifiers, references = [], []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if "@id" in node:
                (references if len(node) == 1 else identifiers).append(node["@id"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    found = croissant_of(nasty_view, folder=nasty_view.uri)
    walk({name: value for name, value in found.items() if name != "@context"})
    assert len(identifiers) == len(set(identifiers))
    assert set(references) <= set(identifiers)


def test_columns_are_those_of_the_files(nasty_view: View) -> None:
    sets = {one["@id"]: one for one in croissant_of(nasty_view, folder=nasty_view.uri)["recordSet"]}
    verdicts = nasty_view.verdicts().column_names
    sidecar = storage.read_table(nasty_view.layout.sidecar(nasty_view.snapshots[0], 0)).column_names
    for name, columns in (("verdicts", verdicts), ("records", sidecar)):
        assert {field["source"]["extract"]["column"] for field in sets[name]["field"]} <= set(columns)


def test_as_a_file_it_holds_no_markup_and_says_the_same(nasty_view: View) -> None:
    data = croissant_json(nasty_view, folder=nasty_view.uri)
    assert not {b"<", b">", b"&"} & {bytes([one]) for one in data}
    assert json.loads(data) == croissant_of(nasty_view, folder=nasty_view.uri)
    assert "<i>cats</i>" in json.loads(data)["description"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CC-BY-SA-4.0", "https://spdx.org/licenses/CC-BY-SA-4.0.html"),
        ("GPL-2.0-or-later", "https://spdx.org/licenses/GPL-2.0-or-later.html"),
        ("https://example.org/terms", "https://example.org/terms"),
        ("ask </script> us", {"@type": "sc:CreativeWork", "name": "ask </script> us"}),
    ],
)
def test_a_licence_is_a_url_where_there_is_one(name: str, said: object) -> None:
    assert _license(name) == said
