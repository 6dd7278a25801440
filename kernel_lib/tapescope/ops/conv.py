"""Convolution in one, two and three dimensions, by windows of strides and one matrix product.

Windows are laid out for a few images at a time, so that they stay in the processor's cache and take little memory. Where rows are short, the
batch is moved behind them first: what is copied and added up is then many numbers in a row, and the product is one for all images.

It is bilinear, so its two gradients are a transposed convolution and a correlation, and the three ops are each other's vjps.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..core.op import op
from .linalg import by_single

Sizes = tuple[int, ...]


def windows(x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    """[N, C, *out, *kernel]: a view of every window."""
    n, c, *size = x.shape
    out = [(h - d * (k - 1) - 1) // s + 1 for h, k, s, d in zip(size, kernel, stride, dilation, strict=True)]
    sn, sc, *steps = x.strides
    as_strided = np.lib.stride_tricks.as_strided if isinstance(x, np.ndarray) else __import__("cupy").lib.stride_tricks.as_strided
    return as_strided(x, (n, c, *out, *kernel), (sn, sc, *[a * s for a, s in zip(steps, stride, strict=True)],
                                                 *[a * d for a, d in zip(steps, dilation, strict=True)]))


def padded(x: Any, padding: Sizes, value: float = 0, last: bool = False) -> Any:
    """`x` with a border on both sides of every spatial dimension; `last`: in memory with the batch behind everything."""
    if not any(padding):
        return _back(np.ascontiguousarray(_behind(x))) if last else x
    out = _filled(x, x.shape, padding, value, last)
    out[inner(x.shape[2:], padding)] = x
    return out


def _filled(like: Any, shape: Any, padding: Sizes, value: float, last: bool) -> Any:
    n, c, *size = shape
    size = [h + 2 * p for h, p in zip(size, padding, strict=True)]
    out = np.full_like(like, value, shape=(c, *size, n) if last else (n, c, *size), order="C")
    return _back(out) if last else out


def _behind(x: Any) -> Any:
    return x.transpose(*range(1, x.ndim), 0)


def _back(x: Any) -> Any:
    return x.transpose(-1, *range(x.ndim - 1))


def inner(size: Any, padding: Sizes) -> Any:
    """The index of what is not border."""
    return (slice(None), slice(None), *[slice(p, p + h) for h, p in zip(size, padding, strict=True)])


def every(x: Any, start: Sizes, stride: Sizes, out: Sizes) -> Any:
    """The same element of every window, as a view."""
    return x[(slice(None), slice(None), *[slice(a, a + s * (o - 1) + 1, s) for a, s, o in zip(start, stride, out, strict=True)])]


_ROOM = 1 << 20                                             # bytes of windows that are laid out at once


def _pieces(x: Any, weight: Any, out: Sizes, groups: int) -> tuple[list[slice], bool]:
    """The batch in pieces, and whether it is moved behind the rows. `x` is where windows are, or its gradient's like."""
    n, (o, c, *kernel) = len(x), weight
    many = math.prod(kernel)
    if many == 1 or not isinstance(x, np.ndarray) or not n:
        return [slice(0, n)], False
    laid = c * groups * many * math.prod(out)
    step = _ROOM // max(1, laid * x.itemsize)
    turned = math.prod(x.shape[1:]) + o * math.prod(out)
    last = step >= 4 and n >= 8 and out[-1] <= 32 and laid >= 3 * turned
    step = max(8 if last else 1, step)
    return [slice(i, i + step) for i in range(0, n, step)], last


def _columns(x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int, out: Sizes, last: bool) -> Any:
    """[N, groups, C/groups * kernel, out], or [groups, C/groups * kernel, out * N] with the batch behind."""
    win = windows(padded(x, padding, 0, last), kernel, stride, dilation)[(slice(None), slice(None), *map(slice, out))]
    k, rows = len(kernel), x.shape[1] // groups * math.prod(kernel)
    inside, places = range(2 + k, 2 + 2 * k), range(2, 2 + k)
    if last:
        return win.transpose(1, *inside, *places, 0).reshape(groups, rows, math.prod(out) * len(x))
    return win.transpose(0, 1, *inside, *places).reshape(len(x), groups, rows, math.prod(out))


def _reach(size: Any, kernel: Any, stride: Sizes, padding: Sizes, dilation: Sizes) -> Sizes:
    """How many windows there are along every dimension."""
    return tuple((h + 2 * p - d * (k - 1) - 1) // s + 1 for h, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True))


@op(r"{x} \ast {w} + {b}", operands=3, name="convolution", grad_tex=r"\bar{x} = \bar{y} \ast^{\top} w \\ \bar{w} = x \star \bar{y} \\ \bar{b} = \textstyle\sum \bar{y}")
@by_single
def convolution(x: Any, w: Any, b: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    o, _, *kernel = w.shape
    out = _reach(x.shape[2:], kernel, stride, padding, dilation)
    rows = w.reshape(groups, o // groups, -1)
    y = np.empty_like(x, np.result_type(x, w), shape=(len(x), o, *out), order="C")
    pieces, last = _pieces(x, w.shape, out, groups)
    for piece in pieces:
        part = y[piece]
        cols = _columns(x[piece], tuple(kernel), stride, padding, dilation, groups, out, last)
        if last:
            part[...] = _back(np.matmul(rows, cols).reshape(o, *out, len(part)))
        else:
            np.matmul(rows, cols, out=part.reshape(len(part), groups, o // groups, math.prod(out)))
    if b is not None:
        y += b.reshape(-1, *(1,) * len(out))
    return y


def _spread(g: Any, w: Any, shape: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    """What is sent back through every window, added up (col2im)."""
    n, c, *size = shape
    o, _, *kernel = w.shape
    out = g.shape[2:]
    rows = w.reshape(groups, o // groups, -1).swapaxes(1, 2)
    like = np.broadcast_to(np.empty_like(g, shape=()), shape)
    pieces, last = _pieces(like, w.shape, out, groups)
    whole = None if len(pieces) == 1 and not last else np.empty_like(g, shape=shape, order="C")
    for piece in pieces:
        part = g[piece]
        y = _filled(g, (len(part), c, *size), padding, 0, last)
        if last:
            cols = _back(np.matmul(rows, _behind(part).reshape(groups, o // groups, -1)).reshape(c, *kernel, *out, len(part)))
        else:
            cols = np.matmul(rows, part.reshape(len(part), groups, o // groups, math.prod(out))).reshape(len(part), c, *kernel, *out)
        for place in itertools.product(*map(range, kernel)):
            at = every(y, tuple(i * d for i, d in zip(place, dilation, strict=True)), stride, out)
            at += cols[(slice(None), slice(None), *place)]
        y = y[inner(size, padding)]
        if whole is None:
            return y
        whole[piece] = y
    return whole


@op(r"{g} \ast^{\top} {w}", operands=2, name="conv_input", node="ConvInput", grad_tex=r"\bar{g} = \bar{y} \ast w \\ \bar{w} = \bar{y} \star g")
@by_single
def conv_input(g: Any, w: Any, shape: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    """The gradient at the input."""
    return _spread(g, w, shape, stride, padding, dilation, groups)


@op(r"{x} \ast^{\top} {w} + {b}", operands=3, name="conv_transpose", node="Convolution",
    grad_tex=r"\bar{x} = \bar{y} \ast w \\ \bar{w} = \bar{y} \star x \\ \bar{b} = \textstyle\sum \bar{y}")
@by_single
def conv_transpose(x: Any, w: Any, b: Any, shape: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    """Transposed convolution to an output of a given shape."""
    y = _spread(x, w, shape, stride, padding, dilation, groups)
    if b is not None:
        y += b.reshape(-1, *(1,) * (y.ndim - 2))
    return y if y.flags.c_contiguous else y.copy()


@op(r"{x} \star {g}", operands=2, name="conv_weight", node="ConvWeight", grad_tex=r"\bar{x} = g \ast^{\top} \bar{y} \\ \bar{g} = x \ast \bar{y}")
@by_single
def conv_weight(x: Any, g: Any, shape: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    """The gradient at the weight: every window of x weighted by the gradient that its output got."""
    o, _, *kernel = shape
    # fewer than there are windows where only an output padding made room for them
    out = tuple(map(min, _reach(x.shape[2:], kernel, stride, padding, dilation), g.shape[2:]))
    g = g[(slice(None), slice(None), *map(slice, out))]
    pieces, last = _pieces(x, shape, out, groups)
    total: Any = None
    for piece in pieces:
        part = g[piece]
        cols = _columns(x[piece], tuple(kernel), stride, padding, dilation, groups, out, last).swapaxes(-1, -2)
        if last:
            found = np.matmul(_behind(part).reshape(groups, o // groups, -1), cols)
        else:
            found = np.add.reduce(np.matmul(part.reshape(len(part), groups, o // groups, math.prod(out)), cols), 0)
        total = found if total is None else np.add(total, found, total)
    return total.reshape(shape)


def _bias_grad(g: Any) -> Any:
    from .reduce import sum_dim

    return sum_dim(g, (0, *range(2, len(g.shape))), False)


def _conv_grad(g: Any, x: Any, w: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int, needs: Any) -> Any:
    same = (stride, padding, dilation, groups)
    return [conv_input(g, w, tuple(x.shape), *same) if needs[0] else None,
            conv_weight(x, g, tuple(w.shape), *same) if needs[1] else None,
            _bias_grad(g) if needs[2] else None]


def _conv_transpose_grad(g: Any, x: Any, w: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int, needs: Any) -> Any:
    same = (stride, padding, dilation, groups)
    return [_cut(convolution(g, w, None, *same), x.shape) if needs[0] else None,
            conv_weight(g, x, tuple(w.shape), *same) if needs[1] else None,
            _bias_grad(g) if needs[2] else None]


def _cut(y: Any, shape: Any) -> Any:
    """Without the windows that only an output padding made room for."""
    from .shape import slice_dim

    for d, s in enumerate(shape):
        if y.shape[d] != s:
            y = slice_dim(y, d, 0, s, 1)
    return y


convolution.vjp_all(_conv_grad)
conv_transpose.vjp_all(_conv_transpose_grad)
# <gx, conv_input(g, w)> = <conv(gx, w), g>, and the same for the weight
conv_input.vjp(lambda gx, w, g_shape, stride, padding, dilation, groups: _cut(convolution(gx, w, None, stride, padding, dilation, groups), g_shape),
               lambda gx, g, w_shape, stride, padding, dilation, groups: conv_weight(gx, g, tuple(w_shape), stride, padding, dilation, groups))
conv_weight.vjp(lambda gw, g, x_shape, stride, padding, dilation, groups: conv_input(g, gw, tuple(x_shape), stride, padding, dilation, groups),
                lambda gw, x, g_shape, stride, padding, dilation, groups: _cut(convolution(x, gw, None, stride, padding, dilation, groups), g_shape))
