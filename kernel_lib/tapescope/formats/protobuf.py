"""Protobuf's wire format: enough to write and read the messages whose fields we know, without a schema compiler."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Damaged(ValueError):
    """Bytes that are no message."""


def varint(value: int) -> bytes:
    """A whole number, seven bits a byte; a negative one as its 64-bit complement.

    >>> varint(300).hex(), len(varint(-1))
    ('ac02', 10)
    """
    if 0 <= value < 128:
        return bytes((value,))
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field: int, value: int) -> bytes:
    """An int32, int64, bool or enum; nothing when it is 0, as in proto3."""
    return varint(field << 3) + varint(int(value)) if value else b""


def double(field: int, value: float) -> bytes:
    """A double; nothing when it is 0."""
    return varint(field << 3 | FIXED64) + struct.pack("<d", value) if value else b""


def single(field: int, value: float) -> bytes:
    """A float; written even when it is 0, since where we use it (in a oneof) its presence counts."""
    return varint(field << 3 | FIXED32) + struct.pack("<f", value)


def chunk(field: int, value: bytes | str) -> bytes:
    """Bytes, a string or a message; written even when it is empty."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | BYTES) + varint(len(raw)) + raw


def text(field: int, value: bytes | str) -> bytes:
    """Bytes or a string; nothing when it is empty."""
    return chunk(field, value) if value else b""


def doubles(field: int, values: Any) -> bytes:
    """A packed repeated double."""
    raw = np.ascontiguousarray(values, "<f8").tobytes()
    return chunk(field, raw) if raw else b""


def fields(message: Any) -> Iterator[tuple[int, int, Any]]:
    """(field number, wire type, value) of a message, in order: an int, 8 or 4 raw bytes as an int, or a memoryview.

    Raises Damaged for bytes that end too soon or hold an unknown wire type.

    >>> [(n, bytes(v) if w == BYTES else v) for n, w, v in fields(integer(1, 300) + chunk(2, "hi"))]
    [(1, 300), (2, b'hi')]
    """
    view = memoryview(message).cast("B")
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at, end)
        number, kind = key >> 3, key & 7
        if not number:
            raise Damaged(f"byte {at}: field number 0")
        if kind == VARINT:
            value, at = _varint(view, at, end)
            yield number, kind, value
            continue
        if kind == BYTES:
            size, at = _varint(view, at, end)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise Damaged(f"byte {at}: field {number} has the wire type {kind}, which nothing writes")
        if size > end - at:
            raise Damaged(f"byte {at}: field {number} claims {size} bytes, {end - at} are left")
        piece = view[at:at + size]
        at += size
        yield number, kind, piece if kind == BYTES else int.from_bytes(piece, "little")


def _varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= end:
            raise Damaged(f"byte {at}: a number ends too soon")
        byte = view[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
        if shift > 63:
            raise Damaged(f"byte {at}: a number has more than 64 bits")


def signed(value: int) -> int:
    """A varint read as int64."""
    return value - (1 << 64) if value >> 63 else value


def as_double(value: int) -> float:
    """The bits of a fixed64 as a double."""
    return float(struct.unpack("<d", value.to_bytes(8, "little"))[0])


def as_float(value: int) -> float:
    """The bits of a fixed32 as a float."""
    return float(struct.unpack("<f", value.to_bytes(4, "little"))[0])
