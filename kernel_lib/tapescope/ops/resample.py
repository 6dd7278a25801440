"""What moves or mixes rows, the same way in every channel, one spatial dimension after another: padding by reflection, interpolation, adaptive averages.

A dimension's way is an index vector (take these rows) or a matrix [out, in] (mix them), so that its transpose is its gradient; instead of a large matrix that
is nearly empty, which rows are mixed and with which weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op

Ways = tuple[Any, ...]


def _along(x: Any, way: Any, axis: int) -> Any:
    """Rows of one dimension taken or mixed; None leaves them."""
    if way is None:
        return x
    if way.__class__ is tuple:
        rows, shares = way
        ones = (1,) * (x.ndim - axis - 1)
        y = np.take(x, ar.beside(x, rows[0]), axis) * _weights(x, shares[0], ones)
        for at, share in zip(rows[1:], shares[1:], strict=True):
            y += np.take(x, ar.beside(x, at), axis) * _weights(x, share, ones)
        return y
    if way.ndim == 1:
        return _taken(x, way, axis)
    m = module_of(x).asarray(way, dtype=x.dtype)
    if axis == x.ndim - 1:
        return np.matmul(x, m.T)
    lead = x.shape[:axis]
    rest = x.shape[axis + 1:]
    return np.matmul(m, x.reshape(*lead, x.shape[axis], math.prod(rest))).reshape(*lead, m.shape[0], *rest)


def _weights(x: Any, share: Any, ones: tuple[int, ...]) -> Any:
    return module_of(x).asarray(share, dtype=x.dtype).reshape(-1, *ones)


def _taken(x: Any, way: Any, axis: int) -> Any:
    """np.take; where all rows stand in order in the middle, as in a padded dimension, they are copied together."""
    n, start = x.shape[axis], int(np.argmin(way)) if len(way) else 0
    while start and way[start - 1] == 0:                    # a border of copies of the first row
        start -= 1
    while start + 1 < len(way) and way[start + 1] == 0:
        start += 1
    if not isinstance(x, np.ndarray) or len(way) > 2 * n or not np.array_equal(way[start:start + n], np.arange(n)):
        return np.take(x, ar.beside(x, way), axis)
    y = np.empty((*x.shape[:axis], len(way), *x.shape[axis + 1:]), x.dtype)
    lead = (slice(None),) * axis
    y[(*lead, slice(start, start + n))] = x
    for at in (*range(start), *range(start + n, len(way))):
        y[(*lead, at)] = x[(*lead, way[at])]
    return y


def _forward(x: Any, ways: Ways) -> Any:
    first = x.ndim - len(ways)
    if x.dtype == np.uint8:                                 # pixels: rounded after each dimension, columns first, as PyTorch does
        for i, way in reversed(list(enumerate(ways))):
            mixes = way.__class__ is tuple or way is not None and way.ndim == 2
            x = np.clip(np.floor(_along(x.astype(np.float32), way, first + i) + np.float32(0.5)), 0, 255).astype(np.uint8) if mixes else _along(x, way, first + i)
        return x
    for i, way in enumerate(ways):
        x = _along(x, way, first + i)
    return x


def _backward(x: Any, ways: Ways, size: tuple[int, ...]) -> Any:
    first = x.ndim - len(ways)
    for i, (way, n) in enumerate(zip(ways, size, strict=True)):
        if way is None:
            continue
        if way.__class__ is tuple:
            ones = (1,) * (len(size) - i - 1)
            parts = [_added_back(x * _weights(x, share, ones), at, first + i, n) for at, share in zip(*way, strict=True)]
            x = sum(parts[1:], parts[0])
        elif way.ndim == 1 and x.shape[first + i] > 64:
            x = _added_back(x, way, first + i, n)
        else:
            x = _along(x, _matrix(way, n).T, first + i)
    return x


def _matrix(way: Any, n: int) -> Any:
    return np.eye(n, dtype=np.float32)[way] if way.ndim == 1 else way


def _added_back(x: Any, index: Any, axis: int, n: int) -> Any:
    """Rows added up where they came from: the sorted ones run by run."""
    order = np.argsort(index, kind="stable")
    sorted_index = index[order]
    starts = np.flatnonzero(np.concatenate((np.ones(1, bool), sorted_index[1:] != sorted_index[:-1])))
    shape = (*x.shape[:axis], n, *x.shape[axis + 1:])
    out = np.zeros_like(x, shape=shape, order="C")
    if module_of(x) is not np:
        ar.at(np.add, out, (slice(None),) * axis + (ar.beside(x, index),), x)
        return out
    out[(slice(None),) * axis + (sorted_index[starts],)] = np.add.reduceat(np.take(x, order, axis), starts, axis)
    return out


def _way(name: str, node: str, tex: str) -> Any:
    forward = op(tex, name=name, node=node, grad_tex=r"\bar{x} = A^{\top}\,\bar{y}\quad\text{along every dimension}")(_forward)
    backward = op(r"A^{\top} {x}", name=name + "_backward", node=node + "Backward", grad_tex=r"\bar{x} = A\,\bar{y}\quad\text{along every dimension}")(_backward)
    forward.vjp(lambda g, x_shape, ways: backward(g, ways, tuple(x_shape[len(x_shape) - len(ways):])))
    backward.vjp(lambda g, ways: forward(g, ways))
    return forward


WAYS: dict[str, Any] = {}
for _d, _linear in ((1, "linear"), (2, "bilinear"), (3, "trilinear")):
    for _mode in ("reflection", "replication"):
        WAYS[f"{_mode}_pad{_d}d"] = _way(f"{_mode}_pad{_d}d", f"{_mode.capitalize()}Pad{_d}D", rf"\operatorname{{{_mode}\_pad}}({{x}})")
    WAYS[f"nearest{_d}"] = _way(f"upsample_nearest{_d}d", f"UpsampleNearest{_d}D", r"{x}\uparrow")
    WAYS[f"nearest-exact{_d}"] = _way(f"upsample_nearest_exact{_d}d", f"UpsampleNearestExact{_d}D", r"{x}\uparrow")
    WAYS[f"{_linear}{_d}"] = _way(f"upsample_{_linear}{_d}d", f"Upsample{_linear.capitalize()}{_d}D", r"{x}\uparrow")
WAYS["circular_pad"] = _way("circular_pad", "CircularPad", r"\operatorname{circular\_pad}({x})")
WAYS["circular_pad"].op.node_name = "CopySlices"           # PyTorch writes the input, and its ends, into an empty tensor
WAYS["bicubic2"] = _way("upsample_bicubic2d", "UpsampleBicubic2D", r"{x}\uparrow")
WAYS["bilinear2_aa"] = _way("upsample_bilinear2d_aa", "UpsampleBilinear2DAa", r"{x}\uparrow")
WAYS["bicubic2_aa"] = _way("upsample_bicubic2d_aa", "UpsampleBicubic2DAa", r"{x}\uparrow")
for _d in (2, 3):
    WAYS[f"adaptive_avg{_d}"] = _way(f"adaptive_avg_pool{_d}d", f"AdaptiveAvgPool{_d}D", r"\operatorname{avg\_pool}({x})")

# -- the ways of one dimension --------------------------------------------------------------------------------------------------------------


def averages(n: int, out: int) -> Any:
    """[out, n]: row i averages from floor(i n / out) to ceil((i + 1) n / out)."""
    m = np.zeros((out, n))
    for i in range(out):
        start, stop = i * n // out, -(-(i + 1) * n // out)
        m[i, start:stop] = 1 / (stop - start)
    return m


def border(n: int, before: int, after: int, mode: str) -> Any:
    """The rows that stand in a padded dimension."""
    if mode == "circular":                                 # what a negative width takes away comes back at no end
        kept = np.arange(max(-before, 0), n - max(-after, 0))
        return kept[np.arange(-max(before, 0), len(kept) + max(after, 0)) % max(len(kept), 1)]
    i = np.arange(-before, n + after)
    if mode == "replicate":
        return i.clip(0, n - 1)
    i = np.abs(i)
    return np.where(i > n - 1, 2 * (n - 1) - i, i)


def nearest(n: int, out: int, scale: float | None, exact: bool) -> Any:
    """The row nearest to every row of the output; `scale` is out / n where the caller gave it."""
    step = np.float32(1 / scale if scale else n / out)
    i = np.arange(out, dtype=np.float32)
    return np.minimum(((i + np.float32(0.5)) * step if exact else i * step).astype(np.int64), n - 1)


def _sources(n: int, out: int, scale: float | None, align: bool, cubic: bool) -> Any:
    """Where in the input every row of the output lies."""
    i = np.arange(out, dtype=np.float64)
    if align:
        return i * ((n - 1) / (out - 1)) if out > 1 else i * 0
    at = (i + 0.5) * (1 / scale if scale else n / out) - 0.5
    return at if cubic else np.maximum(at, 0)


def _mixed(n: int, out: int, rows: list[Any], shares: list[Any]) -> Any:
    """[out, n] with these shares of these rows; where that were large, rows and shares."""
    if n * out > 1 << 16:
        return np.stack(rows), np.stack(shares)
    m = np.zeros((out, n))
    for at, share in zip(rows, shares, strict=True):
        np.add.at(m, (np.arange(out), at), share)
    return m


def linear(n: int, out: int, scale: float | None, align: bool) -> Any:
    """The two neighbours."""
    at = _sources(n, out, scale, align, False)
    low = np.minimum(at.astype(np.int64), n - 1)
    high = np.minimum(low + 1, n - 1)
    share = np.clip(at - low, 0, 1)
    return _mixed(n, out, [low, high], [1 - share, share])


def _cubic(t: Any, a: float) -> Any:
    """Keys' kernel of cubic convolution."""
    t = np.abs(t)
    return np.where(t <= 1, ((a + 2) * t - (a + 3)) * t * t + 1, np.where(t < 2, ((t - 5) * t + 8) * t * a - 4 * a, 0.0))


def cubic(n: int, out: int, scale: float | None, align: bool) -> Any:
    """The four neighbours; those beyond the border count as the last row."""
    at = _sources(n, out, scale, align, True)
    low = np.floor(at).astype(np.int64)
    near = range(-1, 3)
    return _mixed(n, out, [np.clip(low + k, 0, n - 1) for k in near], [_cubic(at - (low + k), -0.75) for k in near])


def smoothed(n: int, out: int, scale: float | None, align: bool, kind: str) -> Any:
    """[out, n]: as linear and cubic, with a kernel as wide as a row of the output, so that shrinking does not alias."""
    step = ((n - 1) / (out - 1) if out > 1 else 0.0) if align else (1 / scale if scale else n / out)
    reach = (1.0 if kind == "bilinear" else 2.0) * max(step, 1.0)
    inverse = 1 / step if step >= 1 else 1.0
    m = np.zeros((out, n))
    for i in range(out):
        center = step * (i + 0.5)
        start = max(int(center - reach + 0.5), 0)
        stop = min(int(center + reach + 0.5), n)
        t = (np.arange(start, stop) - center + 0.5) * inverse
        w = np.maximum(1 - np.abs(t), 0) if kind == "bilinear" else _cubic(t, -0.5)
        m[i, start:stop] = w / (w.sum() or 1)
    return m
