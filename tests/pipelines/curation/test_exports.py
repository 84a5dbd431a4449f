import json

import pytest

from pipelines import storage
from pipelines.curation.exports import Export, register_export, registered_exports
from pipelines.errors import StorageError
from pipelines.layout import Layout


def export(**changes) -> Export:
    values = {
        "output": "/out", "format": "shards", "view": "mine", "view_digest": "d" * 64, "effective_digest": "e" * 64,
        "snapshots": ("birds/v1",), "splits": ("train",), "started_at": 1.0,
    }  # fmt: skip
    return Export(**{**values, **changes})


def test_an_export_is_there_from_its_beginning_and_is_written_over_by_its_end(tmp_path):
    layout = Layout(str(tmp_path))
    register_export(layout, export())
    assert list(registered_exports(layout)) == [export()]
    finished = export(finished_at=2.0, num_samples=3)
    register_export(layout, finished)
    assert list(registered_exports(layout)) == [finished]


def test_a_later_state_in_the_same_folder_does_not_hide_the_earlier_one(tmp_path):
    layout = Layout(str(tmp_path))
    later, earlier = export(effective_digest="f" * 64, started_at=5.0), export()
    for one in (later, earlier):
        register_export(layout, one)
    assert list(registered_exports(layout)) == [earlier, later]


def test_a_root_that_nothing_has_left_has_no_exports(tmp_path):
    assert list(registered_exports(Layout(str(tmp_path)))) == []


@pytest.mark.parametrize("value", [{"output": "/out"}, []])
def test_a_file_that_says_nothing_of_an_export_is_named(value, tmp_path):
    layout = Layout(str(tmp_path))
    storage.write_atomic(f"{layout.ledger('exports')}/odd.json", json.dumps(value).encode())
    with pytest.raises(StorageError, match=r"odd\.json: says nothing of an export"):
        list(registered_exports(layout))
