"""TFRecord frames, of which TensorBoard's event files consist: length, CRC of the length, data, CRC of the data."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from .crc32c import masked

_LENGTH, _CRC = struct.Struct("<Q"), struct.Struct("<I")
MOST = 1 << 31                     # a longer record is a damaged length

_headers: dict[int, bytes] = {}


class Damaged(ValueError):
    """A record that is not what its CRC says. `at` is the offset of the record."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(f"offset {at}: {what}")
        self.at = at


def frame(data: bytes) -> bytes:
    """The record of some data.

    >>> frame(b"").hex()
    '000000000000000029039807d8ea82a2'
    """
    n = len(data)
    header = _headers.get(n)
    if header is None:
        length = _LENGTH.pack(n)
        header = length + _CRC.pack(masked(length))
        if n < 4096 and len(_headers) < 4096:
            _headers[n] = header
    return b"".join((header, data, _CRC.pack(masked(data))))


def records(data: Any, at: int = 0, check: bool = True) -> Iterator[tuple[memoryview, int]]:
    """Each whole record's data from offset `at` on, with the offset behind it; ends quietly at a record that is not complete yet.

    A writer that still runs leaves such a tail: read again from the last offset when the file has grown.
    Raises Damaged for a CRC that does not fit; with `check=False`, the data's CRC is not computed, the length's always is.
    """
    view = memoryview(data).cast("B")
    while len(view) - at >= 12:
        length = view[at:at + 8]
        n = _LENGTH.unpack(length)[0]
        if n > MOST or masked(length) != _CRC.unpack(view[at + 8:at + 12])[0]:
            raise Damaged(at, "this is no record: the CRC of its length does not fit")
        end = at + 12 + n
        if end + 4 > len(view):
            return
        piece = view[at + 12:end]
        if check and masked(piece) != _CRC.unpack(view[end:end + 4])[0]:
            raise Damaged(at, f"the CRC of a record of {n} bytes does not fit")
        at = end + 4
        yield piece, at
