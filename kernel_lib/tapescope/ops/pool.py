"""Pooling over windows, in two and three dimensions; in one dimension it is pooling over images of one row.

Where the largest of a window stands is kept as its number in the window: one byte where PyTorch keeps eight.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.op import op
from .conv import Sizes, every, inner, padded, windows
from .pointwise import let


def _places(kernel: Sizes) -> Any:
    return enumerate(itertools.product(*map(range, kernel)))


def _largest(x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """The largest of every window, and which of its elements that is."""
    win = windows(padded(x, padding, -np.inf if x.dtype.kind in "fV" else np.iinfo(x.dtype).min), kernel, stride, dilation)
    many = math.prod(kernel)
    small = np.uint8 if many < 256 else np.uint32
    places = _places(kernel)
    next(places)
    y = win[(..., *(0,) * len(kernel))].copy()
    winner = np.zeros_like(y, dtype=small)
    for k, place in places:
        v = win[(..., *place)].copy()                       # two passes over it cost more where it is strided
        better = np.greater(v, y).astype(small, copy=False)
        np.maximum(y, v, out=y)
        better *= small(k)
        np.maximum(winner, better, out=winner)
    if (y != y).any():
        winner = _winner_nan(win, kernel, small)
    return y, winner


def _winner_nan(win: Any, kernel: Sizes, small: Any) -> Any:
    """Which element of every window is chosen where some are NaN: the last of those, as in PyTorch."""
    y = win[(..., *(0,) * len(kernel))].copy()
    winner = np.zeros_like(y, dtype=small)
    for k, place in _places(kernel):
        v = win[(..., *place)]
        better = (v > y) | (v != v)
        y[better] = v[better]
        winner[better] = k
    return winner


def max_pool_indices(x: Any, winner: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Where in its (flattened) image the largest of every window is."""
    module = module_of(x)
    rest, out = winner.astype(np.int64), 0
    place = []
    for k in reversed(kernel):
        place.append(rest % k)
        rest = rest // k
    size = winner.shape[2:]
    for i, inside in enumerate(reversed(place)):
        line = module.arange(size[i]).reshape(-1, *(1,) * (len(size) - 1 - i)) * stride[i] - padding[i]
        out = out * x.shape[2 + i] + (line + inside * dilation[i])
    return out


def _to_winners(x: Any, winner: Any, shape: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """Zeros with `x` where the largest of every window was."""
    n, c, *size = shape
    out = x.shape[2:]
    # no element is in two windows
    apart = all(s >= k for s, k in zip(stride, kernel, strict=True)) and all(d == 1 for d in dilation)
    filled = apart and not any(padding) and tuple(kernel) == tuple(stride) and tuple(o * k for o, k in zip(out, kernel, strict=True)) == tuple(size)
    make = np.empty_like if filled else np.zeros_like
    y = make(x, shape=(n, c, *[h + 2 * p for h, p in zip(size, padding, strict=True)]), order="C")
    for k, place in _places(kernel):
        part = every(y, tuple(i * d for i, d in zip(place, dilation, strict=True)), stride, out)
        if apart:
            part[...] = let(x, winner == k)
        else:
            part += let(x, winner == k)
    return y[inner(size, padding)]


def _from_winners(x: Any, winner: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Any:
    """The element of every window that won."""
    win = windows(padded(x, padding), kernel, stride, dilation)
    out = np.zeros_like(x, shape=winner.shape, order="C")
    for k, place in _places(kernel):
        out += let(win[(..., *place)], winner == k)
    return out


def _max_pool(d: int) -> Any:
    """The op in d dimensions: linear in its gradient, whose two ops are each other's transpose."""
    pool = op(r"\operatorname{max\_pool}({x})", name=f"max_pool{d}d_with_indices", node=f"MaxPool{d}DWithIndices", aux=("winner",),
              grad_tex=r"\bar{x}[\operatorname{argmax}] \mathrel{+}= \bar{y}")(_largest)
    back = op(r"\operatorname{max\_unpool}({x})", name=f"max_pool{d}d_backward", node=f"MaxPool{d}DWithIndicesBackward",
              grad_tex=r"\bar{x} = \bar{y}[\operatorname{argmax}]")(_to_winners)
    pick = op(r"{x}[\operatorname{argmax}]", name=f"max_pool{d}d_pick", node="Gather", grad_tex=r"\bar{x}[\operatorname{argmax}] \mathrel{+}= \bar{y}")(_from_winners)
    pool.vjp(lambda g, x_shape, winner, kernel, stride, padding, dilation: back(g, winner, tuple(x_shape), kernel, stride, padding, dilation))
    back.vjp(lambda g, winner, kernel, stride, padding, dilation: pick(g, winner, kernel, stride, padding, dilation))
    pick.vjp(lambda g, x_shape, winner, kernel, stride, padding, dilation: back(g, winner, tuple(x_shape), kernel, stride, padding, dilation))
    return pool


max_pool = {d: _max_pool(d) for d in (2, 3)}

# -- averages -------------------------------------------------------------------------------------------------------------------------------


def _average(x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, extra: Sizes, include_pad: bool, divisor: int | None) -> Any:
    """The mean of every window; `extra` is what ceil_mode adds behind the last row, which never counts."""
    win = windows(_bordered(x, padding, extra), kernel, stride, (1,) * len(kernel))
    k = len(kernel)
    if isinstance(x, np.ndarray) and math.prod(kernel) <= 16:
        total = win[(..., *(0,) * k)].copy()
        places = _places(kernel)
        next(places)
        for _, place in places:
            total += win[(..., *place)]
    else:
        total = np.add.reduce(win, tuple(range(2 + k, 2 + 2 * k)))
    many = _divisor(x, kernel, stride, padding, extra, include_pad, divisor)
    if total.dtype.kind in "iu":
        return np.abs(total) // np.abs(many) * np.sign(total) * np.sign(many)      # towards 0
    total /= many
    return total


def _bordered(x: Any, padding: Sizes, extra: Sizes) -> Any:
    if not any(extra):
        return padded(x, padding)
    n, c, *size = x.shape
    out = np.zeros_like(x, shape=(n, c, *[h + 2 * p + e for h, p, e in zip(size, padding, extra, strict=True)]), order="C")
    out[inner(size, padding)] = x
    return out


def _divisor(x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, extra: Sizes, include_pad: bool, divisor: int | None) -> Any:
    if divisor or not any(extra) and (include_pad or not any(padding)):
        return x.dtype.type(divisor or math.prod(kernel))
    ones = np.ones_like(x, shape=(1, 1, *x.shape[2:]), order="C")
    if include_pad:
        ones = padded(ones, padding, 1)
        padding = (0,) * len(padding)
    k = len(kernel)
    return np.add.reduce(windows(_bordered(ones, padding, extra), kernel, stride, (1,) * k), tuple(range(2 + k, 2 + 2 * k)))


def _from_average(x: Any, shape: Any, kernel: Sizes, stride: Sizes, padding: Sizes, extra: Sizes, include_pad: bool, divisor: int | None) -> Any:
    n, c, *size = shape
    share = x / _divisor(np.empty_like(x, shape=(1, 1, *size)), kernel, stride, padding, extra, include_pad, divisor)
    out = np.zeros_like(x, shape=(n, c, *[h + 2 * p + e for h, p, e in zip(size, padding, extra, strict=True)]), order="C")
    for _, place in _places(kernel):
        part = every(out, place, stride, x.shape[2:])
        part += share
    return out[inner(size, padding)]


def _avg_pool(d: int) -> Any:
    pool = op(r"\operatorname{avg\_pool}({x})", name=f"avg_pool{d}d", node=f"AvgPool{d}D",
              grad_tex=r"\bar{x} \mathrel{+}= \tfrac{1}{k} \bar{y}\quad\text{in every window}")(_average)
    back = op(r"\operatorname{avg\_unpool}({x})", name=f"avg_pool{d}d_backward", grad_tex=r"\bar{x} = \operatorname{avg\_pool}(\bar{y})")(_from_average)
    pool.vjp(lambda g, x_shape, kernel, stride, padding, extra, include_pad, divisor:
             back(g, tuple(x_shape), kernel, stride, padding, extra, include_pad, divisor))
    back.vjp(lambda g, kernel, stride, padding, extra, include_pad, divisor: pool(g, kernel, stride, padding, extra, include_pad, divisor))
    return pool


avg_pool = {d: _avg_pool(d) for d in (2, 3)}
