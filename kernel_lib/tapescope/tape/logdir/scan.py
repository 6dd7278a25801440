"""Event files at speed: records are found one after the other, and what is alike in them (a million scalars) is read at once, by columns."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...formats import protobuf as pb
from ...formats.crc32c import _arrays, masked

CHUNK = 32 << 20                 # bytes of a file that are looked at together
SHORT = 512                      # bytes up to which an event may be one of many alike
SOLO = 4                         # events of a group that are no scalars before the rest of it is read one by one
_LENGTH = struct.Struct("<Q")
Array = Any


class Scalars(NamedTuple):
    """Numbers in the order of the file: `at` is the number of the record, `tag` counts in `tags`."""

    at: Array
    tag: Array
    step: Array
    wall: Array
    value: Array
    tags: list[str]


class Scanned(NamedTuple):
    """What a piece of a file holds. `events` are (number of the record, bytes) of all that is no plain scalar; `end` is where to go on."""

    scalars: list[Scalars]
    events: list[tuple[int, bytes]]
    end: int
    records: int
    troubles: list[str]


def scan(data: bytes, number: int = 0, last: bool = True) -> Scanned:
    """Reads the records in `data`; what is not complete at its end is left for the next time.

    A record whose checksum does not fit is left out, and reading goes on at the next place that is one; both are said in `troubles`.
    """
    buffer = np.frombuffer(data, np.uint8)
    starts, sizes, end, troubles = _records(data, buffer)
    n = len(starts)
    numbers = np.arange(number, number + n)
    scalars: list[Scalars] = []
    events: list[tuple[int, bytes]] = []
    for size in np.unique(sizes).tolist():
        mine = np.flatnonzero(sizes == size)
        if size > SHORT or len(mine) < 8:
            for i in mine.tolist():
                body = data[starts[i]:starts[i] + size]
                if masked(body) != int.from_bytes(data[starts[i] + size:starts[i] + size + 4], "little"):
                    troubles.append(f"offset {starts[i] - 12}: the checksum of a record of {size} bytes does not fit; it is left out")
                else:
                    events.append((int(numbers[i]), body))
            continue
        for a in range(0, len(mine), 1 << 16):
            part = mine[a:a + (1 << 16)]
            rows = sliding_window_view(buffer, size + 4)[starts[part]]
            good = _crc(rows[:, :size]) == rows[:, size:].copy().view("<u4")[:, 0]
            if not good.all():
                bad = starts[part[~good]]
                troubles.append(f"offset {int(bad[0]) - 12}: the checksum of {len(bad)} record{'s' * (len(bad) > 1)} of {size} bytes does not fit; left out")
            _columns(rows[good][:, :size], numbers[part[good]], scalars, events)
    events.sort()
    return Scanned(scalars, events, end, n, troubles)


def _records(data: bytes, buffer: Array) -> tuple[Array, Array, int, list[str]]:
    """Where records' data begin, how long they are, and where the last complete one ends."""
    unpack, total, at = _LENGTH.unpack_from, len(data), 0
    starts: list[int] = []
    sizes: list[int] = []
    troubles: list[str] = []
    while True:
        base = len(starts)
        while at + 16 <= total:
            n = unpack(data, at)[0]
            following = at + n + 16
            if following > total:
                break
            starts.append(at + 12)
            sizes.append(n)
            at = following
        found, long = np.array(starts[base:], np.int64), np.array(sizes[base:], np.int64)
        good = _headers(buffer, found - 12)
        wrong = np.flatnonzero(~good)
        if len(wrong):                                         # from here on lengths mean nothing
            at = int(found[wrong[0]]) - 12
            del starts[base + int(wrong[0]):], sizes[base + int(wrong[0]):]
        elif at + 12 > total or bool(_headers(buffer, np.array([at]))[0]):
            return np.array(starts, np.int64), np.array(sizes, np.int64), at, troubles
        going = _resume(buffer, at + 1)
        if going is None:
            troubles.append(f"offset {at}: this is no record, and none follows; {total - at} bytes are left out")
            return np.array(starts, np.int64), np.array(sizes, np.int64), total, troubles
        troubles.append(f"offset {at}: this is no record; {going - at} bytes are left out")
        at = going
        del found, long


def _headers(buffer: Array, at: Array) -> Array:
    """Whether the lengths at these places have the checksums that follow them."""
    if not len(at):
        return np.zeros(0, bool)
    rows = sliding_window_view(buffer, 12)[at]
    return _crc(rows[:, :8]) == rows[:, 8:].copy().view("<u4")[:, 0]


def _resume(buffer: Array, at: int) -> int | None:
    """The next place from which a record can be read."""
    while at + 12 <= len(buffer):
        z = min(at + (1 << 16), len(buffer) - 11)
        fits = np.flatnonzero(_headers(buffer, np.arange(at, z)))
        if len(fits):
            return at + int(fits[0])
        at = z
    return None


def _crc(rows: Array) -> Array:
    """Masked CRC-32C of every row [k, n]."""
    table, wide = _arrays()
    k, n = rows.shape
    crc = np.full(k, 0xFFFFFFFF, np.uint32)
    even = n // 2 * 2
    words = np.ascontiguousarray(rows[:, :even]).view("<u2").T if even else ()
    for word in words:
        crc = (crc >> np.uint32(16)) ^ wide[(crc ^ word) & np.uint32(0xFFFF)]
    if n & 1:
        crc = (crc >> np.uint32(8)) ^ table[(crc ^ rows[:, -1]) & np.uint32(0xFF)]
    crc = ~crc
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(0xA282EAD8)


# -- events that are alike ---------------------------------------------------------------------------------------------------


def _columns(rows: Array, numbers: Array, scalars: list[Scalars], events: list[tuple[int, bytes]]) -> None:
    """Scalars among records of one length, by the width of their step."""
    k, n = rows.shape
    if n < 12 or not k:
        events += [(int(i), row.tobytes()) for i, row in zip(numbers, rows, strict=True)]
        return
    wall = rows[:, 0] == 9
    width = np.zeros(k, np.int64)
    stepped = wall & (rows[:, 9] == 0x10)
    if stepped.any():
        ends = rows[:, 10:min(20, n)] < 128
        width = np.where(stepped & ends.any(1), ends.argmax(1) + 1, 0)
        wall &= ~stepped | (width > 0)
    for w in np.unique(width[wall]).tolist():
        mine = wall & (width == w)
        part = rows[mine]
        step = np.zeros(len(part), np.uint64)
        for j in range(w):
            step |= (part[:, 10 + j] & np.uint8(127)).astype(np.uint64) << np.uint64(7 * j)
        _alike(part, 10 + w if w else 9, step.view(np.int64), numbers[mine], scalars, events)
    events += [(int(i), row.tobytes()) for i, row in zip(numbers[~wall], rows[~wall], strict=True)]


def _alike(rows: Array, head: int, step: Array, numbers: Array, scalars: list[Scalars], events: list[tuple[int, bytes]]) -> None:
    """Rows whose bytes behind the head differ in the number alone are one series; which bytes these are, one of them tells."""
    left = np.arange(len(rows))
    lonely = 0
    while len(left):
        first = rows[left[0]].tobytes()
        hole = None if lonely >= SOLO else _hole(first, head)
        if hole is None:
            alone = left if lonely >= SOLO else left[:1]
            events += [(int(numbers[i]), rows[i].tobytes()) for i in alone]
            left = left[len(alone):]
            lonely += 1
            continue
        at, kind = hole
        size = np.dtype(kind).itemsize
        part = rows[left]
        rest = np.concatenate([part[:, head:at], part[:, at + size:]], 1)
        _, some, which = np.unique(_hash(rest), return_index=True, return_inverse=True)
        tags: list[str] = []
        numbered = np.full(len(some), -1)
        for j, i in enumerate(some.tolist()):
            body = part[i].tobytes()
            if _hole(body, head) == hole:
                numbered[j] = len(tags)
                tags.append(_tag(body, head))
        same = (rest == rest[some[which]]).all(1) & (numbered[which] >= 0)
        value = np.ascontiguousarray(part[:, at:at + size]).view(kind)[:, 0].astype(np.float64)
        wall = np.ascontiguousarray(part[:, 1:9]).view("<f8")[:, 0]
        scalars.append(Scalars(numbers[left][same], numbered[which][same], step[left][same], wall[same], value[same], tags))
        left = left[~same]


def _hash(rows: Array) -> Array:
    k, n = rows.shape
    mix = np.random.default_rng(n).integers(1, 1 << 63, n, dtype=np.uint64) | np.uint64(1)
    total = np.zeros(k, np.uint64)
    for j in range(n):
        total += rows[:, j] * mix[j]
    return total


def _hole(body: bytes, head: int) -> tuple[int, str] | None:
    """Where the number of an event lies that holds one scalar, and its dtype; None for any other event."""
    try:
        found = list(_offsets(body, head, len(body)))
        if len(found) != 1 or found[0][0] != 5:
            return None
        values = list(_offsets(body, *found[0][1:]))
        if len(values) != 1 or values[0][0] != 1:
            return None
        parts = {n: (a, z) for n, a, z in _offsets(body, *values[0][1:])}
        if set(parts) <= {1, 2, 7, 9} and {1, 2} <= set(parts) and parts[2][1] - parts[2][0] == 4:
            return parts[2][0], "<f4"
        if set(parts) <= {1, 8, 9} and {1, 8, 9} <= set(parts):
            if _plugin(body[slice(*parts[9])]) != "scalars":
                return None
            held = {n: (a, z) for n, a, z in _offsets(body, *parts[8])}
            kind = body[held[1][0]] if 1 in held else 0
            for field, dtype, want in ((5, "<f4", 1), (6, "<f8", 2), (4, "<f4", 1), (4, "<f8", 2)):
                if field in held and kind == want and held[field][1] - held[field][0] == np.dtype(dtype).itemsize:
                    return held[field][0], dtype
    except (pb.Damaged, IndexError, KeyError, struct.error):
        pass
    return None


def _tag(body: bytes, head: int) -> str:
    _, a, z = next(_offsets(body, head, len(body)))
    _, a, z = next(_offsets(body, a, z))
    return next(body[x:y].decode("utf-8", "replace") for n, x, y in _offsets(body, a, z) if n == 1)


def _plugin(metadata: bytes) -> str:
    return next((bytes(v).decode("utf-8", "replace") for n, _, data in pb.fields(metadata) if n == 1 for m, _, v in pb.fields(data) if m == 1), "")


def _offsets(body: bytes, at: int, end: int) -> Any:
    """(field, begin, end) of the fields of a message inside `body`; of numbers the bytes they are made of."""
    view = memoryview(body)
    while at < end:
        key, at = pb._varint(view, at, end)
        kind = key & 7
        if kind == pb.BYTES:
            size, at = pb._varint(view, at, end)
        elif kind == pb.VARINT:
            start = at
            _, at = pb._varint(view, at, end)
            yield key >> 3, start, at
            continue
        else:
            size = {pb.FIXED64: 8, pb.FIXED32: 4}[kind]
        if at + size > end:
            raise pb.Damaged(f"byte {at}: field {key >> 3} claims {size} bytes, {end - at} are left")
        yield key >> 3, at, at + size
        at += size
