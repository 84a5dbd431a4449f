"""What others make of our tars."""

import gc
import json
import tarfile

import pytest
import webdataset

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _files_left_open():
    """webdataset leaves its files to the garbage collector; collected here, where that is known."""
    yield
    gc.collect()


def test_webdataset_reads_every_sample_whole(tiny_snapshot, tiny_corpus):
    layout, snapshot = tiny_snapshot
    shards = [layout.tar(snapshot, shard) for shard in range(3)]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False))
    assert len({sample["__key__"] for sample in samples}) == 12
    for sample in samples:
        document = json.loads(sample["json"])
        assert document["uid"] == sample["__key__"]
        assert sample["png"] == (tiny_corpus / f"{document['group']}.png").read_bytes()
        assert sample["txt"].decode() == document["caption"] == document["text"][0]
        assert sample["flac"][:4] == b"fLaC"


def test_webdataset_decodes_images_and_texts(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    dataset = webdataset.WebDataset(layout.tar(snapshot, 0), shardshuffle=False, empty_check=False)
    image, text = next(iter(dataset.decode("rgb8").to_tuple("png", "txt")))
    assert (image.shape, text) == ((48, 48, 3), "cat")


def test_members_of_a_sample_are_contiguous_and_in_name_order(tiny_snapshot):
    layout, snapshot = tiny_snapshot
    with tarfile.open(layout.tar(snapshot, 0)) as tar:
        names = tar.getnames()
    assert [name.split(".")[1] for name in names] == ["flac", "json", "png", "txt"] * 5
    keys = [name.split(".")[0] for name in names]
    assert keys == [key for key in dict.fromkeys(keys) for _ in range(4)]
