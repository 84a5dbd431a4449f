"""Members from a disk and from an object store."""

import pickle

import numpy as np
import pytest

from mmmodels.loading.copies import LocalCopies
from mmmodels.loading.tars import Tars
from pipelines import storage
from pipelines.errors import ShardError
from tests.object_store import KEYS, serving_s3


@pytest.fixture
def tars_on_disk(tmp_path):
    for number in range(300):
        (tmp_path / f"{number}.tar").write_bytes(bytes([number % 256]) * 100)
    return [str(tmp_path / f"{number}.tar") for number in range(300)]


def test_more_tars_than_may_be_open_are_read(tars_on_disk):
    tars = Tars()
    for _ in range(2):
        assert all(tars.read(uri, 50, 3) == bytes([number % 256]) * 3 for number, uri in enumerate(tars_on_disk))
    assert len(tars._open) == 256
    assert pickle.loads(pickle.dumps(tars)).read(tars_on_disk[7], 0, 1) == b"\x07"  # noqa: S301 - our own


def test_a_tar_that_is_gone_or_cut_short_is_an_error_that_says_so(tars_on_disk):
    with pytest.raises(ShardError, match="100 bytes at 0, the sidecar says 200"):
        Tars().read(tars_on_disk[0], 0, 200)
    with pytest.raises(ShardError, match="not there"):
        Tars().read(tars_on_disk[0] + ".gone", 0, 1)


@pytest.mark.slow
def test_members_of_an_object_store_are_read_by_way_of_a_copy(tmp_path, monkeypatch):
    import s3fs

    content = np.random.default_rng(0).bytes(300_000)
    with serving_s3() as address:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("copied")
        storage.write_atomic("s3://copied/a.tar", content)
        copies = LocalCopies(folder=tmp_path / "copies", max_bytes=1 << 20, piece_bytes=64 << 10)
        tars = Tars(copies)
        assert tars.read("s3://copied/a.tar", 60_000, 20_000) == content[60_000:80_000]
        assert copies.num_bytes() == 128 << 10
    assert tars.read("s3://copied/a.tar", 70_000, 10_000) == content[70_000:80_000]  # the server is gone
    s3fs.S3FileSystem.clear_instance_cache()
