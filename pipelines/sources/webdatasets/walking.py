"""Members of a tar by offset, trusting none of them: what each is, or why it cannot be one.

A walk reads headers only, so that a listing costs 512 bytes a member. After damage it goes on at the next header that
is whole. Nothing is ever written to disk: a name is only a name here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pipelines.sources.webdatasets.headers import BLOCK, BadHeader, Header, is_header, parse_header, pax_records

REFUSED = "refused: "

_MAX_META_BYTES = 1 << 20  # of a long name or of PAX records
_SEARCH_BYTES = 1 << 20
_REGULAR = frozenset({b"0", b"\0", b"7"})
_DIRECTORY, _LONG_NAME, _LONG_LINK, _PAX, _GLOBAL_PAX = b"5", b"L", b"K", b"x", b"g"
_META = frozenset({_LONG_NAME, _LONG_LINK, _PAX, _GLOBAL_PAX})
_PAX_WORDS = (b"path=", b"size=", b"GNU.sparse")  # others are clocks and owners
_OTHERS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a pipe",
    b"S": "a sparse file",
}


class Bytes(Protocol):
    """A tar by offset; fewer bytes than asked for at its end."""

    size: int

    def read(self, offset: int, size: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a tar, or what stands in its place."""

    name: str
    offset: int
    """Of its content; of the header where that is bad."""
    size: int
    problem: str = ""
    """Why its content may not be used; begins with `refused: ` where it is out of place rather than damaged."""


@dataclass(slots=True)
class _Meta:
    """What earlier headers say of the next member."""

    name: bytes = b""
    size: int = -1
    is_sparse: bool = False


def walk_members(tar: Bytes) -> Iterator[Member]:
    """Every member in order, folders left out; ends at the end mark or the end of the file."""
    offset, meta = 0, _Meta()
    while block := tar.read(offset, BLOCK):
        if not any(block):
            offset = _after_zeros(tar, offset)
            continue
        try:
            header = parse_header(block)
        except BadHeader as error:
            yield Member(f"@{offset}", offset, 0, f"{error} at offset {offset}")
            offset, meta = _next_header(tar, offset + BLOCK), _Meta()
            continue
        start = offset + BLOCK
        if header.kind in _META:
            offset = start + _padded(header.size)
            if header.size > min(_MAX_META_BYTES, tar.size - start):
                yield Member(f"@{start}", start, 0, f"a long name or PAX header of {header.size} bytes at {start}")
                offset, meta = min(offset, _next_header(tar, start)), _Meta()
            else:
                _read_meta(meta, header.kind, tar.read(start, header.size))
            continue
        size = meta.size if meta.size >= 0 else header.size
        offset = start + _padded(size)
        if header.kind != _DIRECTORY:
            yield _member(header, meta, start, size, tar.size)
        meta = _Meta()


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _after_zeros(tar: Bytes, offset: int) -> int:
    """Two blocks of zeros end a tar, one does not."""
    return tar.size if not any(tar.read(offset + BLOCK, BLOCK)) else offset + BLOCK


def _member(header: Header, meta: _Meta, start: int, size: int, tar_bytes: int) -> Member:
    raw = meta.name or header.name
    name = raw.decode(errors="backslashreplace").removeprefix("./")
    problem = ""
    if header.kind not in _REGULAR:
        problem = f"{REFUSED}is {_OTHERS.get(header.kind, f'of type {header.kind!r}')}, expected a file"
    elif meta.is_sparse:
        problem = f"{REFUSED}is a sparse file, expected a plain one"
    elif name.startswith("/") or ".." in name.split("/") or not _is_text(raw):
        problem = f"{REFUSED}its name leads elsewhere or is not UTF-8"
    elif start + size > tar_bytes:
        problem = f"is cut off: {max(tar_bytes - start, 0)} of {size} bytes are there"
    return Member(name, start, size, problem)


def _is_text(raw: bytes) -> bool:
    try:
        return "\0" not in raw.decode()
    except UnicodeDecodeError:
        return False


def _read_meta(meta: _Meta, kind: bytes, data: bytes) -> None:
    if kind == _LONG_NAME:
        meta.name = data.rstrip(b"\0")
    elif kind == _PAX and any(word in data for word in _PAX_WORDS):
        for key, value in pax_records(data):
            if key == b"path":
                meta.name = value
            elif key == b"size" and value.isdigit():
                meta.size = int(value)
            elif key.startswith(b"GNU.sparse"):
                meta.is_sparse = True


def _next_header(tar: Bytes, offset: int) -> int:
    """The next block that is a whole header; the end of the file where there is none."""
    while offset < tar.size:
        data = tar.read(offset, _SEARCH_BYTES)
        found = data.find(b"ustar")
        while found >= 0:
            start = found - 257
            if start >= 0 and start % BLOCK == 0 and is_header(data[start : start + BLOCK]):
                return offset + start
            found = data.find(b"ustar", found + 1)
        offset += _SEARCH_BYTES
    return tar.size
