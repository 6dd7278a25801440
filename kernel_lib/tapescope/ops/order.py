"""Order: by sorting whole numbers that hold an element's rank and its place, which NumPy does ten times faster than sorting places.

Equal elements keep their order; nan comes last (first when descending).
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

_recent = threading.local()


def remembered(values: Any, places: Any) -> tuple[Any, Any]:
    """Both results of an op; the second is fetched by who called the op, which hands out the first alone."""
    _recent.pair = values, places
    return values, places


def places_of(values: Any, again: Any) -> Any:
    """The places that belong to the values that an op has just given in this thread; `again()` finds them anew."""
    pair = _recent.__dict__.pop("pair", None)
    return pair[1] if pair is not None and pair[0] is values else again()


_SMALL = 2048                                               # below it, NumPy's own is as fast


def _ranks(x: Any) -> Any:
    """Integers in the same order as the elements; None where there are none of few enough bits."""
    kind, size = x.dtype.kind, x.dtype.itemsize
    if kind == "f" and size in (2, 4):
        a = x.astype(np.float32) + np.float32(0)           # -0 is 0
        bits = a.view(np.int32)
        bits = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
        nan = np.isnan(a)
        if nan.any():
            bits[nan] = np.int32(0x7FFFFFFF)
        return bits, 32
    if kind in "biu" and size <= 4:
        return x, 32
    if kind == "i" and x.size:
        low, high = int(x.min()), int(x.max())
        if high - low < 1 << 40:
            return x - low, (high - low).bit_length() + 1
    return None


def _keys(x: Any, descending: bool) -> Any:
    """Unique keys along the last axis: rank, then place. None where they do not fit."""
    n = x.shape[-1]
    found = _ranks(x) if isinstance(x, np.ndarray) and x.size >= _SMALL else None
    bits = max(n - 1, 1).bit_length()
    if found is None or found[1] + bits > 63:
        return None, bits
    keys = found[0].astype(np.int64)
    if descending:
        np.negative(keys, out=keys)
    keys <<= bits
    keys += np.arange(n)
    return keys, bits


def _places(keys: Any, bits: int) -> Any:
    return keys & ((1 << bits) - 1)


def order(x: Any, dim: int, descending: bool = False) -> Any:
    """The places of the elements in order along `dim`."""
    if not x.ndim:
        return np.zeros((), np.int64)
    lines = x if dim == x.ndim - 1 else np.moveaxis(x, dim, -1)
    keys, bits = _keys(lines, descending)
    if keys is not None:
        keys.sort(-1)
        found = _places(keys, bits)
        return found if dim == x.ndim - 1 else np.ascontiguousarray(np.moveaxis(found, -1, dim))
    if descending:
        n = x.shape[dim]
        return n - 1 - np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)
    return np.argsort(x, dim, kind="stable")


def first(x: Any, k: int, dim: int, descending: bool) -> Any:
    """The places of the first k in order along `dim`."""
    n = x.shape[dim]
    lines = x if dim == x.ndim - 1 else np.moveaxis(x, dim, -1)
    few = _few(lines, k, descending)
    if few is not None:
        return few if dim == x.ndim - 1 else np.ascontiguousarray(np.moveaxis(few, -1, dim))
    keys, bits = _keys(lines, descending) if 0 < k < n // 4 else (None, 0)
    if keys is None:
        return order(x, dim, descending)[(slice(None),) * dim + (slice(0, k),)]
    part = np.partition(keys, k - 1, -1)[..., :k]
    part.sort(-1)
    found = _places(part, bits)
    return found if dim == x.ndim - 1 else np.ascontiguousarray(np.moveaxis(found, -1, dim))


def _few(lines: Any, k: int, descending: bool) -> Any:
    """The places of the first k of many: no element beyond the k-th of the blocks' own first ones can be among them. None where that leaves too many."""
    n = lines.shape[-1]
    size = min(1024, n // (4 * max(k, 1)))
    if not isinstance(lines, np.ndarray) or size < 16 or lines.size < _SMALL or not k or not (lines.dtype.kind in "iu" or lines.dtype.char in "fd"):
        return None
    rows = np.ascontiguousarray(lines).reshape(-1, n)
    many = n // size
    blocks = rows[:, :many * size].reshape(len(rows), many, size)
    ends = (np.maximum if descending else np.minimum).reduce(blocks, -1)
    place = many - k if descending else k - 1
    bound = np.partition(ends, place, -1)[:, place, None]
    if (bound != bound).any():
        return None
    near = rows < bound if descending else rows <= bound
    if descending:
        np.logical_not(near, near)                           # nan is above all
    flat = np.flatnonzero(near)
    if len(flat) > lines.size // 8:
        return None
    line, found = np.divmod(flat, n) if len(rows) > 1 else (np.zeros_like(flat), flat)
    ranked = order(rows.reshape(-1)[flat], 0, descending)
    if len(rows) > 1:
        ranked = ranked[np.argsort(line[ranked], kind="stable")]
    first_of = np.searchsorted(line, np.arange(len(rows)))
    return found[ranked[first_of[:, None] + np.arange(k)]].reshape(*lines.shape[:-1], k)


def nth(x: Any, k: int, dim: int) -> Any:
    """The place of the k-th smallest along `dim`, counted from 0; the dimension stays, as 1."""
    lines = x if dim == x.ndim - 1 else np.moveaxis(x, dim, -1)
    keys, bits = _keys(lines, False)
    if keys is None:
        return np.take(np.argsort(x, dim, kind="stable"), [k], dim)
    found = _places(np.partition(keys, k, -1)[..., k:k + 1], bits)
    return found if dim == x.ndim - 1 else np.moveaxis(found, -1, dim)


def along(x: Any, places: Any, dim: int) -> Any:
    """np.take_along_axis, by places in the order of memory."""
    if not x.ndim:
        return np.array(x)
    if not isinstance(x, np.ndarray) or not x.flags.c_contiguous or x.size < _SMALL:
        return np.take_along_axis(x, places, dim)
    return x.reshape(-1).take(flat(places, x.shape, dim))


def flat(places: Any, shape: Any, dim: int) -> Any:
    """Places along `dim` as places in the memory of an array of `shape`, whose other coordinates are their own."""
    step, at = 1, None
    for d in range(len(shape) - 1, -1, -1):
        if d == dim:
            part = places * step if step != 1 else places
        else:
            part = (np.arange(places.shape[d]) * step).reshape((-1,) + (1,) * (len(shape) - d - 1))
        at = part if at is None else at + part
        step *= shape[d]
    return at
