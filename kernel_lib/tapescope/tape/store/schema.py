"""The tables of a tape on disk, their version, and what may be said about files that are not one."""

from __future__ import annotations

import json
import zlib
from typing import Any

import numpy as np

from ..frame import Column

SCHEMA = 1                       # of what is written here; older ones stay readable
SHARED = 2                       # of a rank that refers to structures beside its folder
NEWEST = 2                       # that is read here
NEEDS = "0.1.0"                  # the first version of Tapescope that reads this schema
DATABASE, LOCK = "tape.db", "tape.lock"
BLOB_BYTES = 1 << 30             # a blob file that is longer is followed by another

# `layout` says of which columns the data of a block consist, so that a block can be read without knowing its kind.
# first..last are the numbers of its rows in their order of arrival, `last` exclusive; key -1: rows of many keys.
TABLES = {
    "meta": "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
    "state": "CREATE TABLE state(name TEXT PRIMARY KEY, version INTEGER, value TEXT) WITHOUT ROWID",
    "kind": "CREATE TABLE kind(id INTEGER PRIMARY KEY, name TEXT)",
    "layout": "CREATE TABLE layout(id INTEGER PRIMARY KEY, columns TEXT)",
    "string": "CREATE TABLE string(id INTEGER PRIMARY KEY, text TEXT)",
    "block": "CREATE TABLE block(id INTEGER PRIMARY KEY, kind INTEGER, key INTEGER, first INTEGER, last INTEGER, step0 INTEGER, step1 INTEGER, "
             "n INTEGER, layout INTEGER, crc INTEGER, meta TEXT, data BLOB)",
    "snapshot": "CREATE TABLE snapshot(id INTEGER PRIMARY KEY, key TEXT, step INTEGER, dtype TEXT, shape TEXT, whole TEXT, of TEXT, file INTEGER, "
                "start INTEGER, length INTEGER, crc INTEGER)",
    "block_by_key": "CREATE INDEX block_by_key ON block(kind, key, first)",
    "block_by_first": "CREATE INDEX block_by_first ON block(kind, first)",
    "snapshot_by_key": "CREATE INDEX snapshot_by_key ON snapshot(key, id)",
}
BLOCK_COLUMNS = 11               # of `block`, the id left out
DTYPES = {"u1", "u2", "u4", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "b1", "c8", "c16", "u8"}


class TapeError(RuntimeError):
    """A recording on disk that cannot be read or written: says which file, where, and what can be done."""


class NewerTape(TapeError):
    """It was written by a newer version than this one."""


def blob_name(number: int) -> str:
    return f"blobs-{number:03d}.bin"


def pack(columns: dict[str, Column]) -> tuple[str, bytes]:
    """(layout, data): the lengths as u4, then the columns, little-endian and without gaps."""
    arrays = [np.ascontiguousarray(c) for c in columns.values()]
    layout = json.dumps([[name, kind_of(a.dtype)] for name, a in zip(columns, arrays, strict=True)])
    lengths = np.array([a.size for a in arrays], "<u4").tobytes()
    return layout, b"".join([lengths, *[a.astype(a.dtype.newbyteorder("<"), copy=False).tobytes() for a in arrays]])


def unpack(layout: list[list[str]], data: bytes) -> dict[str, Column]:
    """The columns of a block. Raises ValueError when layout and data do not agree."""
    k = len(layout)
    if len(data) < 4 * k:
        raise ValueError(f"{len(data)} bytes are too few for {k} columns")
    lengths = np.frombuffer(data, "<u4", k).tolist()
    at = 4 * k
    columns: dict[str, Column] = {}
    for (name, kind), n in zip(layout, lengths, strict=True):
        dtype = np.dtype("<" + kind)
        if at + n * dtype.itemsize > len(data):
            raise ValueError(f"column {name} needs {n * dtype.itemsize} bytes, {len(data) - at} are left")
        columns[name] = np.frombuffer(data, dtype, n, at).astype(dtype.newbyteorder("="))
        at += n * dtype.itemsize
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes are left over")
    return columns


def checksum(key: Any, first: Any, last: Any, n: Any, layout: str, meta: str | None, data: bytes) -> int:
    """Of a block and of what says how it is read."""
    return zlib.crc32(data, zlib.crc32(f"{key},{first},{last},{n},{layout},{meta}".encode()))


def read_layout(text: Any) -> list[list[str]]:
    """A layout from its text. Raises ValueError for anything else than names with known dtypes."""
    found = json.loads(text)
    if not (isinstance(found, list) and all(isinstance(c, list) and len(c) == 2 and isinstance(c[0], str) and c[1] in DTYPES for c in found)):
        raise ValueError(f"{str(text)[:80]!r} is no list of columns")
    return list(found)


def kind_of(dtype: Any) -> str:
    """'f4' of float32. Raises TypeError for what a tape does not hold: objects, text."""
    name: str = np.dtype(dtype).str[1:]
    if name not in DTYPES:
        raise TypeError(f"a tape holds numbers, not {dtype}")
    return name
