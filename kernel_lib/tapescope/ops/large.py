"""Large arrays: kernels that NumPy has only slowly, from those that it has fast, in pieces that stay in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

BLOCK = 16384
MANY = 2 * BLOCK                                            # from here on the pieces pay

clip: Any = getattr(getattr(np, "_core", np), "umath", np).clip      # the ufunc: a limit costs a third of what np.maximum with a number costs
_ENDS: dict[Any, tuple[Any, Any, Any]] = {np.dtype(d): (np.array(-np.inf, d), np.zeros((), d), np.array(np.inf, d)) for d in ("f2", "f4", "f8")}
_WORD = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}
pick: Any = getattr(getattr(getattr(np, "_core", None), "_multiarray_umath", np), "where", np.where)      # without the detour that lets others override it


def on_host(*arrays: Any) -> bool:
    """Whether all are NumPy's."""
    return all(isinstance(a, np.ndarray) for a in arrays)


def _simple(x: Any, *others: Any) -> bool:
    return x.size >= MANY and x.dtype.itemsize in _WORD and x.dtype.kind in "fiu" and all(
        o.dtype == x.dtype and (o.ndim == 0 or (o.shape == x.shape and o.flags.c_contiguous)) for o in (x, *others))


def choose(mask: Any, a: Any, b: Any) -> Any:
    """np.where. Of large arrays bit by bit: a condition that nobody can foretell costs a processor seven times as much as both sides."""
    if not (on_host(mask, a, b) and mask.dtype == bool and mask.flags.c_contiguous):
        return np.where(mask, a, b)
    x = a if a.ndim else b
    if mask.shape != x.shape or not _simple(x, a, b):
        return np.where(mask, a, b)
    word = _WORD[x.dtype.itemsize]
    out = np.empty_like(x, order="C")
    flat, bits, taken = out.reshape(-1).view(word), mask.reshape(-1).view(np.int8), np.empty(BLOCK, word)
    left, right = (v.reshape(-1).view(word) for v in (a, b))
    for i in range(0, x.size, BLOCK):
        piece = slice(i, i + BLOCK)
        y, m = flat[piece], bits[piece]
        r = right[piece] if b.ndim else right
        t = taken[:y.size]
        np.negative(m, out=t, dtype=word, casting="unsafe")
        np.bitwise_xor(left[piece] if a.ndim else left, r, out=y)
        np.bitwise_and(y, t, out=y)
        np.bitwise_xor(y, r, out=y)
    return out


def let(g: Any, mask: Any) -> Any:
    """`g` where `mask` is not 0, else 0. No product: an infinity times 0 is not 0."""
    end = _ENDS.get(g.dtype)
    if end is None:
        return np.where(mask, g, g.dtype.type(0))
    word = _WORD.get(g.itemsize)
    if g.size < 2048 or word is None or g.shape != mask.shape:
        return pick(mask, g, end[1])
    bits = (mask if mask.dtype == bool else np.not_equal(mask, end[1])).view(np.int8).astype(word)
    np.negative(bits, bits)
    return np.bitwise_and(g.view(word), bits, bits).view(g.dtype)


def above(x: Any) -> Any:
    """max(x, 0)."""
    low, zero, high = _ENDS.get(x.dtype, (None, 0, None))
    return np.maximum(x, 0) if low is None or not on_host(x) else clip(x, zero, high)


def below(x: Any) -> Any:
    """min(x, 0)."""
    low, zero, high = _ENDS.get(x.dtype, (None, 0, None))
    return np.minimum(x, 0) if low is None or not on_host(x) else clip(x, low, zero)


def in_double(f: Any, a: Any, b: Any, plain: Any) -> Any:
    """`f` of float32 computed in float64 piece by piece, of anything else `plain`."""
    if not on_host(a, b) or a.dtype != np.float32 or b.dtype != np.float32 or max(a.size, b.size) < BLOCK:
        return plain(a, b)
    a, b = np.broadcast_arrays(a, b)
    out = np.empty(a.shape, np.float32)
    if not out.ndim:
        return plain(a, b)
    rows = max(1, BLOCK // max(1, out[0].size))
    for i in range(0, len(out), rows):
        out[i:i + rows] = f(a[i:i + rows].astype(np.float64), b[i:i + rows].astype(np.float64))
    return out


def _rest(a: Any, b: Any) -> Any:
    """a - b trunc(a / b): exact, since a quotient of float32 below 2^29 times b has at most 53 bits; NumPy's own where it is greater."""
    q = a / b
    far = np.abs(q) >= 2.0**29
    np.trunc(q, out=q)
    r = np.copysign(a - q * b, a)
    far |= ~np.isfinite(q)
    return np.where(far, np.fmod(np.where(far, a, 0), np.where(far, b, 1)), r) if far.any() else r


def no_zero(a: Any, b: Any) -> None:
    """Refuses a division of whole numbers by 0."""
    if all(getattr(x, "dtype", np.dtype(bool)).kind in "iub" for x in (a, b)) and np.any(np.equal(b, 0)):
        raise RuntimeError("ZeroDivisionError")


def fmod(a: Any, b: Any) -> Any:
    """np.fmod."""
    no_zero(a, b)
    return in_double(_rest, a, b, np.fmod)


def _positive_rest(a: Any, b: Any) -> Any:
    r = _rest(a, b)
    return r + b * ((r != 0) & ((r < 0) != (b < 0)))


def remainder(a: Any, b: Any) -> Any:
    """np.remainder."""
    no_zero(a, b)
    return in_double(_positive_rest, a, b, np.remainder)


def _whole(a: Any, b: Any) -> Any:
    q = a / b
    far = ~(np.abs(q) < 2.0**29)
    return np.where(far, np.floor_divide(a, b), np.floor(q)) if far.any() else np.floor(q)


def floor_divide(a: Any, b: Any) -> Any:
    """np.floor_divide."""
    return in_double(_whole, a, b, np.floor_divide)


def log_add(a: Any, b: Any, exp: Any, log: Any, plain: Any) -> Any:
    """log(exp(a) + exp(b)) from the larger one and their distance; of small arrays NumPy's own."""
    if not on_host(a, b) or max(a.size, b.size) < 1024 or not (a.dtype == b.dtype and a.dtype.kind == "f"):
        return plain(a, b)
    top = np.maximum(a, b)
    d = np.abs(a - b)
    np.negative(d, out=d)
    exp(d, out=d)
    y = log(d)
    y += top
    if np.isnan(y).any():                                  # of two equal infinities
        y = np.where(a == b, a, y).astype(y.dtype, copy=False)
    return y


def product(x: Any, dims: Any, dtype: Any, keepdim: bool) -> Any:
    """np.multiply.reduce; of large arrays halves times halves, for NumPy multiplies along a line number by number."""
    if not on_host(x) or x.size < MANY or dtype is not None or not x.flags.c_contiguous or x.dtype.kind != "f":
        return np.multiply.reduce(x, dims, dtype, None, keepdim)
    whole = dims is None or len(dims) == x.ndim
    if not whole and tuple(dims) != (x.ndim - 1,):
        return np.multiply.reduce(x, dims, dtype, None, keepdim)
    shape = [1] * x.ndim if whole else [*x.shape[:-1], 1]
    line = x.reshape(-1) if whole else x
    while line.shape[-1] >= 64:
        half = line.shape[-1] // 2
        odd = line[..., 2 * half:]
        line = line[..., :half] * line[..., half:2 * half]
        if odd.shape[-1]:
            line[..., :1] *= odd
    y = np.multiply.reduce(line, -1)
    return y.reshape(shape if keepdim else [] if whole else shape[:-1])


def sum_of_numbers(x: Any, dims: Any, keepdim: bool) -> Any:
    """np.nansum; where nothing is nan, which the sum tells, one pass."""
    with np.errstate(invalid="ignore"):
        y = np.add.reduce(x, dims, None, None, keepdim)
    return np.nansum(x, dims, x.dtype, keepdims=keepdim) if np.isnan(y).any() else y


def running(x: Any, dim: int, ufunc: Any, wins: Any) -> tuple[Any, Any]:
    """The extreme so far and where it stands, for all lines at once: one step after the other along `dim`."""
    lines = np.ascontiguousarray(np.moveaxis(x, dim, 0))
    n, rest = lines.shape[0], lines.shape[1:]
    values, at = np.empty_like(lines), np.empty((n, *rest), np.int64)
    values[0], at[0] = lines[0], 0
    nan = np.isnan(lines) if x.dtype.kind == "f" and np.isnan(lines).any() else None
    for i in range(1, n):
        ufunc(values[i - 1], lines[i], out=values[i])
        new = wins(lines[i], values[i - 1])
        if nan is not None:
            new = (new & ~np.isnan(values[i - 1])) | nan[i]
        np.subtract(i, at[i - 1], out=at[i])
        at[i] *= new
        at[i] += at[i - 1]
    return np.moveaxis(values, 0, dim), np.moveaxis(at, 0, dim)
