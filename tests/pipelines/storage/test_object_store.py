"""What only an object store can do to us: keys, buckets, puts in parts."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import s3fs

from pipelines import storage
from pipelines.errors import StorageError
from tests.object_store import KEYS, serving_s3

ROOT = Path(__file__).parents[3]
PUTS = """
import sys
from pipelines import storage
with storage.replacing(sys.argv[1]) as path:
    with path.open("wb") as file:
        file.truncate(600 << 20)
    print("put", flush=True)
"""


def test_a_put_in_parts_that_is_killed_shows_nothing(s3_root: str):
    uri = f"{s3_root}/00000000.tar"
    process = subprocess.Popen([sys.executable, "-c", PUTS, uri], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.readline()
    store = s3fs.S3FileSystem()
    bucket = s3_root.split("/")[2]
    end = time.monotonic() + 60
    while not store.list_multipart_uploads(bucket) and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    process.wait()
    process.stdout.close()
    assert store.list_multipart_uploads(bucket)  # it was in the middle
    assert not storage.exists(uri)
    assert storage.names(s3_root) == []


def test_a_bucket_that_does_not_exist_is_named(s3_root: str):
    del s3_root
    for write in (lambda uri: storage.write_atomic(uri, b"x"), lambda uri: storage.write_json(uri, {})):
        with pytest.raises(StorageError, match=r"cannot be written \(.*bucket does not exist.*Make the bucket first"):
            write("s3://no-such-bucket/x")
    assert storage.names("s3://no-such-bucket/folder") == []


@pytest.mark.slow
@pytest.mark.parametrize("keys", ["wrong", "none"])
def test_wrong_keys_are_named(keys: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with serving_s3({"INITIAL_NO_AUTH_ACTION_COUNT": "0"}) as address:
        wrong = {**KEYS, "AWS_ENDPOINT_URL": address, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
        for name, value in wrong.items():
            if keys == "none" and "KEY" in name:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        for use in (
            lambda: storage.write_atomic("s3://bucket/x", b"x"),
            lambda: storage.read_bytes("s3://bucket/x"),
            lambda: storage.exists("s3://bucket/x"),
            lambda: storage.names("s3://bucket/x"),
        ):
            with pytest.raises(StorageError, match=r"s3://bucket/x: cannot be .*AWS_ACCESS_KEY_ID"):
                use()
    s3fs.S3FileSystem.clear_instance_cache()


def test_an_endpoint_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch):
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StorageError, match=r"s3://bucket/x: cannot be written \(.*Look at AWS_ENDPOINT_URL"):
        storage.write_atomic("s3://bucket/x", b"x")
    s3fs.S3FileSystem.clear_instance_cache()
