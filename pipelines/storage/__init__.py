"""Local and object storage through fsspec: nothing half-written is ever visible under its final name.

An object store is named by its URI and reached by what its own library reads: for `s3://` AWS_ENDPOINT_URL,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION or AWS_PROFILE, for any other fsspec's configuration files.
"""

from pipelines.storage.files import (
    exists,
    file_sha256,
    names,
    read_bytes,
    read_json,
    read_table,
    remove,
    replacing,
    same_file,
    same_files,
    write_atomic,
    write_json,
    write_table,
)
from pipelines.storage.folders import get_folder, put_folder
from pipelines.storage.locking import HeldError, exclusive
from pipelines.storage.places import filesystem_of, is_local, is_missing, local_path
from pipelines.storage.ranges import read_chunks, read_many, read_ranges

__all__ = [
    "HeldError",
    "exclusive",
    "exists",
    "file_sha256",
    "filesystem_of",
    "get_folder",
    "is_local",
    "is_missing",
    "local_path",
    "names",
    "put_folder",
    "read_bytes",
    "read_chunks",
    "read_json",
    "read_many",
    "read_ranges",
    "read_table",
    "remove",
    "replacing",
    "same_file",
    "same_files",
    "write_atomic",
    "write_json",
    "write_table",
]
