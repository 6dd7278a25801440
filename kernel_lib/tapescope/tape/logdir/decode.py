"""What an event says: values of every plugin, in the old encoding and as tensors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...formats import protobuf as pb
from ..reduce import edges

# DataType of TensorFlow -> dtype of what lies in `tensor_content`, and the field that holds single values
_TYPES: dict[int, tuple[str, int]] = {1: ("<f4", 5), 2: ("<f8", 6), 3: ("<i4", 7), 4: ("u1", 7), 5: ("<i2", 7), 6: ("i1", 7), 9: ("<i8", 10), 10: ("?", 11), 14: ("<u2", 13),
                                      17: ("<u2", 7), 19: ("<f2", 13), 22: ("<u4", 16), 23: ("<u8", 17)}
_PACKED = {5: "<f4", 6: "<f8"}
STRING, BFLOAT16 = 7, 14
_edges: Any = None


class Event(NamedTuple):
    """An event: `what` is "version", "graph", "session", "value" or "other"; `data` belongs to it."""

    wall: float
    step: int
    what: str
    data: Any


class Value(NamedTuple):
    """A value of a summary. `plugin` is what shows it: "scalars", "histograms", "images", "audio", "text", "hparams", ...; `data` is what the plugin needs."""

    tag: str
    plugin: str
    data: Any
    content: bytes


def event(body: bytes) -> list[Event]:
    """What one record says. Raises Damaged for bytes that are no event."""
    wall, step = 0.0, 0
    found: list[tuple[str, Any]] = []
    for n, kind, v in pb.fields(body):
        if n == 1 and kind == pb.FIXED64:
            wall = pb.as_double(v)
        elif n == 2 and kind == pb.VARINT:
            step = pb.signed(v)
        elif n == 3:
            found.append(("version", bytes(v)))
        elif n == 4:
            found.append(("graph", bytes(v)))
        elif n == 5:
            found += [("value", value(p)) for m, w, p in pb.fields(v) if m == 1 and w == pb.BYTES]
        elif n == 7:
            found.append(("session", next((x for m, _, x in pb.fields(v) if m == 1), 0)))
    return [Event(wall, step, what, data) for what, data in found]


def value(message: Any) -> Value:
    """A Summary.Value."""
    tag = plugin = ""
    content = b""
    data: Any = None
    old = ""
    for n, kind, v in pb.fields(message):
        if n == 1:
            tag = bytes(v).decode("utf-8", "replace")
        elif n == 2 and kind == pb.FIXED32:
            old, data = "scalars", pb.as_float(v)
        elif n == 4:
            old, data = "images", _image(v)
        elif n == 5:
            old, data = "histograms", _histogram(v)
        elif n == 6:
            old, data = "audio", _audio(v)
        elif n == 8:
            data = tensor(v)
        elif n == 9:
            for m, _, p in pb.fields(v):
                if m == 1:
                    for k, _, x in pb.fields(p):
                        if k == 1:
                            plugin = bytes(x).decode("utf-8", "replace")
                        elif k == 2:
                            content = bytes(x)
    return Value(tag, old or plugin, data, content)


def tensor(message: Any) -> Any:
    """A TensorProto as an array; of strings, an array of bytes objects. Raises Damaged for a type that is not known."""
    kind, shape, raw = 0, None, None
    singles: list[Any] = []
    for n, wire, v in pb.fields(message):
        if n == 1:
            kind = v
        elif n == 2:
            shape = _shape(v)
        elif n == 4:
            raw = bytes(v)
        elif n == 8:
            singles.append(bytes(v))
        elif n in (5, 6, 7, 10, 11, 13, 16, 17):
            if wire != pb.BYTES:
                singles.append(pb.as_float(v) if n == 5 else pb.as_double(v) if n == 6 else pb.signed(v))
            elif n in _PACKED:
                singles += np.frombuffer(v[:len(v) // np.dtype(_PACKED[n]).itemsize * np.dtype(_PACKED[n]).itemsize], _PACKED[n]).tolist()
            else:
                singles += _varints(v)
    if kind == STRING:
        found = np.empty(len(singles), object)
        found[:] = singles
        return found
    if kind not in _TYPES:
        raise pb.Damaged(f"a tensor of the type {kind} cannot be read")
    dtype = np.dtype(_TYPES[kind][0])
    if raw is not None:
        array = np.frombuffer(raw[:len(raw) // dtype.itemsize * dtype.itemsize], dtype)
    elif kind in (BFLOAT16, 19):
        array = np.array(singles, np.uint16).view(dtype)
    else:
        array = np.array(singles).astype(dtype)
    if kind == BFLOAT16:
        array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if shape is not None:
        size = int(np.prod(shape, dtype=object))
        if not 0 <= size <= max(array.size, 1 << 26):
            raise pb.Damaged(f"a tensor claims the shape {shape}, its values are {array.size}")
        if array.size and array.size < size:                   # one value stands for all that follow
            array = np.concatenate([array, np.full(size - array.size, array[-1])])
        if array.size != size:
            raise pb.Damaged(f"a tensor claims the shape {shape}, its values are {array.size}")
        array = array.reshape(shape)
    return array


def _shape(message: Any) -> tuple[int, ...]:
    return tuple(pb.signed(next((v for m, _, v in pb.fields(d) if m == 1), 0)) for n, _, d in pb.fields(message) if n == 2)


def _varints(view: Any) -> list[int]:
    found, at = [], 0
    while at < len(view):
        v, at = pb._varint(view, at, len(view))
        found.append(pb.signed(v))
    return found


def _image(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for n, _, v in pb.fields(message):
        if n in (1, 2):
            found["height" if n == 1 else "width"] = v
        elif n == 4:
            found["bytes"] = bytes(v)
    return found


def _audio(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for n, _, v in pb.fields(message):
        if n == 1:
            found["sample_rate"] = int(pb.as_float(v))
        elif n == 4:
            found["bytes"] = bytes(v)
        elif n == 5:
            found["mime"] = bytes(v).decode("utf-8", "replace")
    return found


def _doubles(wire: int, v: Any) -> list[float]:
    return [pb.as_double(v)] if wire == pb.FIXED64 else np.frombuffer(v[:len(v) // 8 * 8], "<f8").tolist()


def _histogram(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"limits": [], "counts": []}
    names = {1: "min", 2: "max", 3: "num", 4: "sum", 5: "sum_squares"}
    for n, wire, v in pb.fields(message):
        if n in names and wire == pb.FIXED64:
            found[names[n]] = pb.as_double(v)
        elif n in (6, 7):
            found["limits" if n == 6 else "counts"] += _doubles(wire, v)
    return found


# -- histograms: TensorBoard's buckets in our bins ---------------------------------------------------------------------------


def buckets(data: Any) -> tuple[Any, Any, dict[str, float]] | None:
    """(edges [k + 1], counts [k], what is known of the values) of a histogram in either encoding; None for an empty one."""
    if isinstance(data, dict):
        limits, counts = np.array(data["limits"], np.float64), np.array(data["counts"], np.float64)
        if len(limits) != len(counts):
            raise pb.Damaged(f"a histogram has {len(limits)} limits and {len(counts)} counts")
        if not len(counts) or not counts.sum() > 0:
            return None
        low, high = data.get("min", 0.0), data.get("max", 0.0)           # a field that is not there is 0
        ends = np.append(min(low, limits[0]), limits)
        return np.clip(ends, low, max(low, high)), counts, {k: data.get(k, 0.0) for k in ("min", "max", "num", "sum", "sum_squares")}
    table = np.asarray(data, np.float64)
    if table.ndim != 2 or table.shape[-1] != 3:
        raise pb.Damaged(f"a histogram must have the shape [k, 3], not {list(table.shape)}")
    table = table[table[:, 2] > 0]
    if not len(table):
        return None
    ends = np.append(table[:, 0], table[-1, 1])
    middle = (table[:, 0] + table[:, 1]) / 2
    n = table[:, 2]
    return ends, n, {"min": table[0, 0], "max": table[-1, 1], "num": n.sum(), "sum": (middle * n).sum(), "sum_squares": (middle * middle * n).sum()}


def binned(ends: Any, counts: Any) -> tuple[int, Any]:
    """(first bin, counts) in our 2,048 bins; within a bucket values are taken to lie evenly."""
    global _edges
    if _edges is None:
        _edges = np.clip(edges().astype(np.float64), -3.4028235e38, 3.4028235e38)
    total = np.append(0.0, np.cumsum(counts))
    below = np.zeros(len(_edges))
    point = ends[1:] <= ends[:-1]                              # a bucket without width is a step at its place
    if point.any():
        for at, n in zip(ends[1:][point], counts[point], strict=True):
            below[np.searchsorted(_edges, at, "right"):] += n
        total = np.append(0.0, np.cumsum(np.where(point, 0, counts)))
    keep = np.append(True, ends[1:] > ends[:-1])
    if keep.sum() > 1:
        below += np.interp(_edges, ends[keep], total[keep])
    line = np.diff(np.rint(below)).astype(np.int64).clip(0)
    line[:4] = line[2044:] = 0
    held = np.flatnonzero(line)
    if not len(held):
        return 1024, np.zeros(0, np.uint32)
    return int(held[0]), line[held[0]:held[-1] + 1].clip(0, 0xFFFFFFFF).astype(np.uint32)


def moments_of(known: dict[str, float]) -> Any:
    """The ten numbers of a histogram's values as far as it tells them."""
    n = max(known["num"], 1.0)
    mean, square = known["sum"] / n, known["sum_squares"] / n
    with np.errstate(all="ignore"):
        return np.array([[mean, np.sqrt(max(square - mean * mean, 0.0)), known["min"], known["max"], np.sqrt(known["sum_squares"]), 0, 0, 0, 0, known["num"]]], np.float32)


# -- hparams ----------------------------------------------------------------------------------------------------------------


def hparams(content: bytes) -> Iterator[tuple[str, Any]]:
    """(name, value) of what a session started with; what is neither number nor text nor boolean comes as its text."""
    for n, _, start in pb.fields(content):
        if n != 3:
            continue
        for m, _, entry in pb.fields(start):
            if m == 1:
                parts = {k: v for k, _, v in pb.fields(entry)}
                yield bytes(parts.get(1, b"")).decode("utf-8", "replace"), _plain(parts[2]) if 2 in parts else None


def _plain(message: Any) -> Any:
    """A google.protobuf.Value."""
    for n, kind, v in pb.fields(message):
        if n == 2 and kind == pb.FIXED64:
            return pb.as_double(v)
        if n == 3:
            return bytes(v).decode("utf-8", "replace")
        if n == 4:
            return bool(v)
        if n == 6:
            return json.dumps([_plain(x) for m, _, x in pb.fields(v) if m == 1])
        if n == 5:
            found = {}
            for _, _, entry in pb.fields(v):
                parts = {m: x for m, _, x in pb.fields(entry)}
                found[bytes(parts.get(1, b"")).decode("utf-8", "replace")] = _plain(parts[2]) if 2 in parts else None
            return json.dumps(found)
    return None
