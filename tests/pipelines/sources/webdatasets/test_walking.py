"""Tars as the standard library writes them, then damaged byte by byte."""

import io
import tarfile
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.webdatasets.walking import Member, walk_members

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
NAMES = st.lists(st.text(alphabet="abé/.-_0", min_size=1, max_size=150), unique=True, max_size=5)


@dataclass
class InMemory:
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]


def tar_of(*entries: tuple[str, bytes] | tarfile.TarInfo, tar_format: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                tar.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def walk(data: bytes) -> list[Member]:
    return list(walk_members(InMemory(data)))


def contents(data: bytes) -> dict[str, bytes]:
    return {one.name: data[one.offset : one.offset + one.size] for one in walk(data) if not one.problem}


@pytest.mark.parametrize("tar_format", FORMATS)
@given(names=NAMES, bodies=st.lists(st.binary(max_size=1500), min_size=5, max_size=5))
def test_what_the_standard_library_writes_is_read(tar_format: int, names: list[str], bodies: list[bytes]):
    plain = [name for name in names if not name.startswith(("/", "./")) and ".." not in name.split("/")]
    plain = [name for name in plain if not name.endswith("/") and len(name.encode()) <= 99]
    entries = [(name, body) for name, body in zip(plain, bodies, strict=False)]
    assert contents(tar_of(*entries, tar_format=tar_format)) == dict(entries)


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["d/" * 120 + "a.jpg", "é" * 200 + ".jpg"])
def test_long_names_of_gnu_and_pax_are_whole(tar_format: int, name: str):
    assert contents(tar_of((name, b"1"), ("b.jpg", b"2"), tar_format=tar_format)) == {name: b"1", "b.jpg": b"2"}


def test_a_long_name_of_ustar_has_its_prefix():
    name = "/".join(["folder"] * 20) + "/a.jpg"
    assert contents(tar_of((name, b"1"))) == {name: b"1"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (("../x.jpg", b"1"), "leads elsewhere"),
        (("a/../../x.jpg", b"1"), "leads elsewhere"),
        (("/etc/x.jpg", b"1"), "leads elsewhere"),
        (special("x.jpg", tarfile.SYMTYPE, linkname="/etc/passwd"), "a symbolic link"),
        (special("x.jpg", tarfile.LNKTYPE, linkname="a.jpg"), "a hard link"),
        (special("x.jpg", tarfile.CHRTYPE), "a character device"),
        (special("x.jpg", tarfile.BLKTYPE), "a block device"),
        (special("x.jpg", tarfile.FIFOTYPE), "a pipe"),
        (special("x.jpg", tarfile.GNUTYPE_SPARSE), "a sparse file"),
        (special("x.jpg", b"9"), "of type b'9'"),
    ],
)
def test_what_is_no_plain_file_is_refused_and_its_neighbours_are_read(entry: tuple[str, bytes], said: str):
    data = tar_of(("a.jpg", b"1"), entry, ("b.jpg", b"2"))
    (bad,) = (member for member in walk(data) if member.problem)
    assert said in bad.problem
    assert bad.problem.startswith("refused")
    assert contents(data) == {"a.jpg": b"1", "b.jpg": b"2"}


def test_a_sparse_file_of_pax_is_refused():
    info = tarfile.TarInfo("x.jpg")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    (member,) = walk(tar_of(info, tar_format=tarfile.PAX_FORMAT))
    assert "sparse" in member.problem


def test_folders_are_left_out():
    assert walk(tar_of(special("folder", tarfile.DIRTYPE), ("folder/a.jpg", b"1")))[0].name == "folder/a.jpg"


def test_a_wrong_checksum_costs_one_member():
    data = bytearray(tar_of(("a.jpg", b"1" * 600), ("b.jpg", b"2" * 600), ("c.jpg", b"3")))
    second = 512 + 1024
    data[second] ^= 1
    members = walk(bytes(data))
    assert [member.name for member in members] == ["a.jpg", f"@{second}", "c.jpg"]
    assert members[1].problem == f"a header with a wrong checksum at offset {second}"


def test_half_a_header_is_said_and_what_came_before_is_kept():
    data = tar_of(("a.jpg", b"1"))[:1024] + tar_of(("b.jpg", b"2"))[:200]
    members = walk(data)
    assert (members[0].name, members[1].problem) == ("a.jpg", "half a header (200 of 512 bytes) at offset 1024")


def test_a_member_that_is_cut_off_says_how_much_is_there():
    members = walk(tar_of(("a.jpg", b"1"), ("b.jpg", b"2" * 5000))[: 1024 + 512 + 100])
    assert members[1].problem == "is cut off: 100 of 5000 bytes are there"


def test_a_tar_without_its_end_mark_is_whole():
    assert [member.problem for member in walk(tar_of(("a.jpg", b"1"))[:1024])] == [""]


def test_a_tar_that_another_was_put_after_is_read_up_to_the_end_mark():
    data = tar_of(("a.jpg", b"1"))
    assert contents(data[:1024] + bytes(512) + tar_of(("b.jpg", b"2"))) == {"a.jpg": b"1", "b.jpg": b"2"}
    assert contents(data + tar_of(("b.jpg", b"2"))) == {"a.jpg": b"1"}


def test_a_long_name_that_claims_to_be_endless_does_not_hide_what_follows():
    data = bytearray(tar_of(("n" * 150, b"1"), ("b.jpg", b"2"), tar_format=tarfile.GNU_FORMAT))
    data[124:136] = b"77777777777\0"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    members = walk(bytes(data))
    assert "a long name or PAX header" in members[0].problem
    assert members[-1].name == "b.jpg"


def test_sizes_beyond_octal_are_read():
    info = tarfile.TarInfo("big.jpg")
    info.size = 9 << 30
    (member,) = walk(info.tobuf(tarfile.GNU_FORMAT))
    assert (member.size, member.problem) == (9 << 30, f"is cut off: 0 of {9 << 30} bytes are there")


@given(st.data())
def test_damage_of_any_kind_never_raises_and_never_reads_beyond_the_tar(data: st.DataObject):
    whole = bytearray(tar_of(("a.jpg", b"1" * 700), ("b" * 120, b"2"), ("c.jpg", b""), tar_format=tarfile.PAX_FORMAT))
    for position in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)):
        whole[position] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for member in walk(cut):
        assert member.problem or member.offset + member.size <= len(cut)
