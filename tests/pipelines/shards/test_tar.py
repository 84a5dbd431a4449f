import hashlib
import io
import subprocess
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shards.tar import TarWriter, header


def written(members: list[tuple[str, bytes]]) -> tuple[bytes, list[int], TarWriter]:
    buffer = io.BytesIO()
    writer = TarWriter(buffer)
    offsets = [writer.add(name, data) for name, data in members]
    writer.close()
    return buffer.getvalue(), offsets, writer


@given(st.lists(st.binary(max_size=1600), max_size=6))
def test_what_is_written_is_what_tarfile_reads_and_lies_at_its_offset(contents: list[bytes]):
    members = [(f"{number:032x}.flac", data) for number, data in enumerate(contents)]
    archive, offsets, writer = written(members)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        read = [(info.name, tar.extractfile(info).read()) for info in tar]
    assert read == members
    assert [
        archive[offset : offset + len(data)] for offset, (_, data) in zip(offsets, members, strict=True)
    ] == contents
    assert (writer.num_bytes, writer.sha256) == (len(archive), hashlib.sha256(archive).hexdigest())


def test_a_header_carries_no_clock_and_no_owner():
    with tarfile.open(fileobj=io.BytesIO(written([("a.txt", b"x")])[0])) as tar:
        info = tar.getmember("a.txt")
    assert (info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, 0, "", "", 0o444)
    assert info.isreg()


def test_gnu_tar_reads_it_without_a_word(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(written([("a.txt", b"abc"), ("b.txt", b"")])[0])
    listed = subprocess.run(["tar", "tf", str(path)], capture_output=True, text=True, check=True)
    assert (listed.stdout.split(), listed.stderr) == (["a.txt", "b.txt"], "")


@pytest.mark.parametrize(("name", "size"), [("", 0), ("a" * 101, 0), ("a", 8 << 30), ("a", -1)])
def test_what_does_not_fit_a_header_is_refused(name: str, size: int):
    with pytest.raises(ValueError, match="does not fit"):
        header(name, size)
