"""One block of a tar: a header that can be trusted to be one, or the reason why not."""

from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = 512


class BadHeader(ValueError):  # noqa: N818 - control flow between this module and the walk
    """A block that is no header, with the reason."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a block says of the bytes that follow it."""

    kind: bytes
    name: bytes
    size: int


def parse_header(block: bytes) -> Header:
    """USTAR, GNU and the older v7; `BadHeader` where the checksum is not that of these bytes."""
    if len(block) < BLOCK:
        raise BadHeader(f"half a header ({len(block)} of {BLOCK} bytes)")
    try:
        checksum = int(block[148:156].strip(b" \0") or b"0", 8)
        size = _number(block[124:136])
    except ValueError as error:
        raise BadHeader("no tar header") from error
    unsigned = sum(block.rstrip(b"\0")) - sum(block[148:156]) + 8 * 32
    if checksum != unsigned and checksum != _signed(unsigned, block):
        raise BadHeader("a header with a wrong checksum" if block[257:262] == b"ustar" else "no tar header")
    if size < 0:
        raise BadHeader("a header with a negative size")
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return Header(block[156:157], prefix + b"/" + name if prefix else name, size)


def is_header(block: bytes) -> bool:
    """Whether the walk can go on here."""
    try:
        parse_header(block)
    except BadHeader:
        return False
    return True


def pax_records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """`27 path=some/name\\n`: the number counts itself; what is not written so ends the records."""
    position = 0
    while position < len(data):
        digits, space, _ = data[position : position + 20].partition(b" ")
        if not space or not digits.isdigit() or int(digits) <= len(digits) + 1:
            return
        record = data[position + len(digits) + 1 : position + int(digits) - 1]
        key, _, value = record.partition(b"=")
        yield key, value
        position += int(digits)


def _signed(unsigned: int, block: bytes) -> int:
    """As some old writers sum up, bytes over 127 being negative."""
    return unsigned if block.isascii() else unsigned - 256 * sum(byte > 127 for byte in block)


def _number(field: bytes) -> int:
    """Octal, or base 256 where the first bit is set."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    return int(field.strip(b" \0") or b"0", 8)
