"""Convolution in one, two and three dimensions, by windows of strides and one matrix product.

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


def padded(x: Any, padding: Sizes, value: float = 0) -> Any:
    """`x` with a border on both sides of every spatial dimension."""
    if not any(padding):
        return x
    n, c, *size = x.shape
    out = np.full_like(x, value, shape=(n, c, *[h + 2 * p for h, p in zip(size, padding, strict=True)]), order="C")
    out[inner(size, padding)] = x
    return out


def inner(size: Any, padding: Sizes) -> Any:
    """The index of what is not border."""
    return (slice(None), slice(None), *[slice(p, p + h) for h, p in zip(size, padding, strict=True)])


def every(x: Any, start: Sizes, stride: Sizes, out: Sizes) -> Any:
    """The same element of every window, as a view."""
    return x[(slice(None), slice(None), *[slice(a, a + s * (o - 1) + 1, s) for a, s, o in zip(start, stride, out, strict=True)])]


def _columns(x: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> tuple[Any, Sizes]:
    """[N, groups, C/groups * kernel, out] and the size of the output."""
    win = windows(padded(x, padding), kernel, stride, dilation)
    k = len(kernel)
    n, c, out = win.shape[0], win.shape[1], win.shape[2:2 + k]
    cols = win.transpose(0, 1, *range(2 + k, 2 + 2 * k), *range(2, 2 + k))
    return cols.reshape(n, groups, c // groups * math.prod(kernel), math.prod(out)), out


@op(r"{x} \ast {w} + {b}", operands=3, name="convolution", grad_tex=r"\bar{x} = \bar{y} \ast^{\top} w \\ \bar{w} = x \star \bar{y} \\ \bar{b} = \textstyle\sum \bar{y}")
@by_single
def convolution(x: Any, w: Any, b: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    o, _, *kernel = w.shape
    cols, out = _columns(x, tuple(kernel), stride, padding, dilation, groups)
    y = np.matmul(w.reshape(groups, o // groups, -1), cols).reshape(x.shape[0], o, *out)
    if b is not None:
        y += b.reshape(-1, *(1,) * len(out))
    return y


def _spread(g: Any, w: Any, shape: Any, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int) -> Any:
    """What is sent back through every window, added up (col2im)."""
    n, c, *size = shape
    o, _, *kernel = w.shape
    out = g.shape[2:]
    wt = w.reshape(groups, o // groups, -1).swapaxes(1, 2)
    cols = np.matmul(wt, g.reshape(n, groups, o // groups, math.prod(out))).reshape(n, c, *kernel, *out)
    y = np.zeros_like(g, shape=(n, c, *[h + 2 * p for h, p in zip(size, padding, strict=True)]), order="C")
    for place in itertools.product(*map(range, kernel)):
        part = every(y, tuple(i * d for i, d in zip(place, dilation, strict=True)), stride, out)
        part += cols[(slice(None), slice(None), *place)]
    return y[inner(size, padding)]


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
    cols, out = _columns(x, tuple(kernel), stride, padding, dilation, groups)
    if any(a > b for a, b in zip(out, g.shape[2:], strict=True)):                 # windows that only an output padding made room for
        cut = tuple(map(min, out, g.shape[2:]))
        cols = cols.reshape(*cols.shape[:3], *out)[(..., *map(slice, cut))].reshape(*cols.shape[:3], math.prod(cut))
        out = cut
    gm = g[(slice(None), slice(None), *[slice(0, s) for s in out])].reshape(x.shape[0], groups, o // groups, math.prod(out))
    return np.add.reduce(np.matmul(gm, cols.swapaxes(2, 3)), 0).reshape(shape)


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
