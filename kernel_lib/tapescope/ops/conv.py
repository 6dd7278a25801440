"""Convolution and pooling, by windows of strides and one matrix product.

conv2d is bilinear, so its two gradients are a transposed convolution and a correlation, and the three ops are each other's vjps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.op import op

Pair = tuple[int, int]


def _windows(x: Any, kernel: Pair, stride: Pair, dilation: Pair) -> Any:
    """[N, C, oh, ow, kh, kw]: a view of every window."""
    n, c, h, w = x.shape
    kh, kw = kernel
    oh = (h - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (w - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    sn, sc, sh, sw = x.strides
    as_strided = np.lib.stride_tricks.as_strided if isinstance(x, np.ndarray) else __import__("cupy").lib.stride_tricks.as_strided
    return as_strided(x, (n, c, oh, ow, kh, kw), (sn, sc, sh * stride[0], sw * stride[1], sh * dilation[0], sw * dilation[1]))


def _padded(x: Any, padding: Pair, value: float = 0) -> Any:
    if padding == (0, 0):
        return x
    n, c, h, w = x.shape
    ph, pw = padding
    out = np.full_like(x, value, shape=(n, c, h + 2 * ph, w + 2 * pw), order="C")
    out[:, :, ph:ph + h, pw:pw + w] = x
    return out


def _columns(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> tuple[Any, Pair]:
    """[groups, N, C/groups*kh*kw, oh*ow] and (oh, ow)."""
    win = _windows(_padded(x, padding), kernel, stride, dilation)
    n, c, oh, ow, kh, kw = win.shape
    cols = win.transpose(0, 1, 4, 5, 2, 3).reshape(n, groups, c // groups * kh * kw, oh * ow)
    return cols, (oh, ow)


@op(r"{x} \ast {w} + {b}", operands=3, name="convolution", grad_tex=r"\bar{x} = \bar{y} \ast^{\top} w \\ \bar{w} = x \star \bar{y} \\ \bar{b} = \textstyle\sum \bar{y}")
def convolution(x: Any, w: Any, b: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    o, _, kh, kw = w.shape
    cols, (oh, ow) = _columns(x, (kh, kw), stride, padding, dilation, groups)
    y = np.matmul(w.reshape(groups, o // groups, -1), cols).reshape(x.shape[0], o, oh, ow)
    if b is not None:
        y += b[:, None, None]
    return y


@op(r"{g} \ast^{\top} {w}", operands=2, name="conv_input", node="ConvInput", grad_tex=r"\bar{g} = \bar{y} \ast w \\ \bar{w} = \bar{y} \star g")
def conv_input(g: Any, w: Any, shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """The gradient at the input: what is sent back through every window, added up (col2im)."""
    n, c, h, width = shape
    o, cg, kh, kw = w.shape
    oh, ow = g.shape[2:]
    wt = w.reshape(groups, o // groups, -1).swapaxes(1, 2)
    cols = np.matmul(wt, g.reshape(n, groups, o // groups, oh * ow)).reshape(n, c, kh, kw, oh, ow)
    ph, pw = padding
    out = np.zeros_like(g, shape=(n, c, h + 2 * ph, width + 2 * pw), order="C")
    for i in range(kh):
        top = i * dilation[0]
        for j in range(kw):
            left = j * dilation[1]
            place = _every(out, top, left, stride, (oh, ow))
            place += cols[:, :, i, j]
    return out[:, :, ph:ph + h, pw:pw + width]


@op(r"{x} \star {g}", operands=2, name="conv_weight", node="ConvWeight", grad_tex=r"\bar{x} = g \ast^{\top} \bar{y} \\ \bar{g} = x \ast \bar{y}")
def conv_weight(x: Any, g: Any, shape: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Any:
    """The gradient at the weight: every window of x weighted by the gradient that its output got."""
    o, _, kh, kw = shape
    cols, (oh, ow) = _columns(x, (kh, kw), stride, padding, dilation, groups)
    n = x.shape[0]
    gm = g[:, :, :oh, :ow].reshape(n, groups, o // groups, oh * ow)
    return np.add.reduce(np.matmul(gm, cols.swapaxes(2, 3)), 0).reshape(shape)


def _conv_grad(g: Any, x: Any, w: Any, stride: Pair, padding: Pair, dilation: Pair, groups: int, needs: Any) -> Any:
    from .reduce import sum_dim

    same = (stride, padding, dilation, groups)
    return [conv_input(g, w, tuple(x.shape), *same) if needs[0] else None,
            conv_weight(x, g, tuple(w.shape), *same) if needs[1] else None,
            sum_dim(g, (0, 2, 3), False) if needs[2] else None]


convolution.vjp_all(_conv_grad)
# <gx, conv_input(g, w)> = <conv(gx, w), g>, and the same for the weight
conv_input.vjp(lambda gx, w, stride, padding, dilation, groups: convolution(gx, w, None, stride, padding, dilation, groups),
               lambda gx, g, w_shape, stride, padding, dilation, groups: conv_weight(gx, g, tuple(w_shape), stride, padding, dilation, groups))
conv_weight.vjp(lambda gw, g, x_shape, stride, padding, dilation, groups: conv_input(g, gw, tuple(x_shape), stride, padding, dilation, groups),
                lambda gw, x, stride, padding, dilation, groups: convolution(x, gw, None, stride, padding, dilation, groups))


# -- pooling --------------------------------------------------------------------------------------------------------------------------------


@op(r"\operatorname{max\_pool}({x})", name="max_pool2d_with_indices", node="MaxPool2DWithIndices", aux=("winner",),
    grad_tex=r"\bar{x}[\operatorname{argmax}] \mathrel{+}= \bar{y}")
def max_pool2d(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """The largest of every window, and which of its elements that is."""
    win = _windows(_padded(x, padding, -np.inf), kernel, stride, dilation)
    many = kernel[0] * kernel[1]
    small = np.uint8 if many < 256 else np.uint32
    y = win[..., 0, 0].copy()
    winner = np.zeros_like(y, dtype=small)
    for k in range(1, many):
        v = win[..., k // kernel[1], k % kernel[1]].copy()  # two passes over it cost more where it is strided
        better = np.greater(v, y).astype(small, copy=False)
        np.maximum(y, v, out=y)
        better *= small(k)
        np.maximum(winner, better, out=winner)
    if (y != y).any():
        winner = _winner_nan(win, kernel, small)
    return y, winner


def _winner_nan(win: Any, kernel: Pair, small: Any) -> Any:
    """Which element of every window is chosen where some are NaN: the last of those, as in PyTorch."""
    y = win[..., 0, 0].copy()
    winner = np.zeros_like(y, dtype=small)
    for k in range(1, kernel[0] * kernel[1]):
        v = win[..., k // kernel[1], k % kernel[1]]
        better = (v > y) | (v != v)
        y[better] = v[better]
        winner[better] = k
    return winner


def max_pool_indices(x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """Where in its (flattened) image the largest of every window is."""
    winner = max_pool2d.op.forward(x, kernel, stride, padding, dilation)[1].astype(np.int64)
    oh, ow = winner.shape[2:]
    module = module_of(x)
    rows = module.arange(oh)[:, None] * stride[0] - padding[0] + winner // kernel[1] * dilation[0]
    cols = module.arange(ow)[None, :] * stride[1] - padding[1] + winner % kernel[1] * dilation[1]
    return rows * x.shape[3] + cols


@op(r"\operatorname{max\_unpool}({x})", name="max_pool2d_backward", node="MaxPool2DWithIndicesBackward", grad_tex=r"\bar{x} = \bar{y}[\operatorname{argmax}]")
def max_pool_grad(x: Any, winner: Any, shape: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """Zeros with `x` where the largest of every window was."""
    n, c, h, w = shape
    (oh, ow), (ph, pw) = x.shape[2:], padding
    apart = stride[0] >= kernel[0] and stride[1] >= kernel[1] and dilation == (1, 1)       # no element is in two windows
    filled = apart and padding == (0, 0) and (kernel, (oh * kernel[0], ow * kernel[1])) == (stride, (h, w))
    plain = _plain(x)
    make = np.empty_like if filled else np.zeros_like
    out = make(x, shape=(n, c, h + 2 * ph, w + 2 * pw), order="C")
    for k in range(kernel[0] * kernel[1]):
        place = _every(out, k // kernel[1] * dilation[0], k % kernel[1] * dilation[1], stride, (oh, ow))
        if apart:
            place[...] = _won(x, winner, k, plain)
        else:
            place += _won(x, winner, k, plain)
    return out[:, :, ph:ph + h, pw:pw + w]


@op(r"{x}[\operatorname{argmax}]", name="max_pool2d_pick", node="Gather", grad_tex=r"\bar{x}[\operatorname{argmax}] \mathrel{+}= \bar{y}")
def max_pool_pick(x: Any, winner: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Any:
    """The element of every window that won."""
    win = _windows(_padded(x, padding), kernel, stride, dilation)
    out = np.zeros_like(x, shape=winner.shape, order="C")
    plain = _plain(x)
    for k in range(kernel[0] * kernel[1]):
        out += _won(win[..., k // kernel[1], k % kernel[1]], winner, k, plain)
    return out


def _plain(x: Any) -> bool:
    """Whether losers can be multiplied away: an infinity times 0 is not 0."""
    return isinstance(x, np.ndarray) and bool(np.isfinite(np.add.reduce(x, None)))


def _won(x: Any, winner: Any, k: int, plain: bool) -> Any:
    return x * (winner == k) if plain else np.where(winner == k, x, x.dtype.type(0))


def _every(x: Any, top: int, left: int, stride: Pair, size: Pair) -> Any:
    """The same element of every window, as a view."""
    return x[:, :, top:top + stride[0] * (size[0] - 1) + 1:stride[0], left:left + stride[1] * (size[1] - 1) + 1:stride[1]]


# linear in g, and each other's transpose
max_pool2d.vjp(lambda g, x_shape, winner, kernel, stride, padding, dilation: max_pool_grad(g, winner, tuple(x_shape), kernel, stride, padding, dilation))
max_pool_grad.vjp(lambda g, winner, kernel, stride, padding, dilation: max_pool_pick(g, winner, kernel, stride, padding, dilation))
max_pool_pick.vjp(lambda g, x_shape, winner, kernel, stride, padding, dilation: max_pool_grad(g, winner, tuple(x_shape), kernel, stride, padding, dilation))


@op(r"\operatorname{avg\_pool}({x})", name="avg_pool2d", node="AvgPool2D", grad_tex=r"\bar{x} \mathrel{+}= \tfrac{1}{k} \bar{y}\quad\text{in every window}")
def avg_pool2d(x: Any, kernel: Pair, stride: Pair, padding: Pair, include_pad: bool) -> Any:
    win = _windows(_padded(x, padding), kernel, stride, (1, 1))
    total = np.add.reduce(win, (4, 5))
    return total / _divisor(x, kernel, stride, padding, include_pad)


def _divisor(x: Any, kernel: Pair, stride: Pair, padding: Pair, include_pad: bool) -> Any:
    if include_pad or padding == (0, 0):
        return x.dtype.type(kernel[0] * kernel[1])
    ones = _padded(np.ones_like(x, shape=(1, 1, *x.shape[2:]), order="C"), padding)
    return np.add.reduce(_windows(ones, kernel, stride, (1, 1)), (4, 5))


@op(r"\operatorname{avg\_unpool}({x})", name="avg_pool2d_backward", grad_tex=r"\bar{x} = \operatorname{avg\_pool}(\bar{y})")
def avg_pool_grad(x: Any, shape: Any, kernel: Pair, stride: Pair, padding: Pair, include_pad: bool) -> Any:
    n, c, h, w = shape
    oh, ow = x.shape[2:]
    ph, pw = padding
    like = np.zeros_like(x, shape=(1, 1, h, w))
    share = x / _divisor(like, kernel, stride, padding, include_pad)
    out = np.zeros_like(x, shape=(n, c, h + 2 * ph, w + 2 * pw), order="C")
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            place = _every(out, i, j, stride, (oh, ow))
            place += share
    return out[:, :, ph:ph + h, pw:pw + w]


avg_pool2d.vjp(lambda g, x_shape, kernel, stride, padding, include_pad: avg_pool_grad(g, tuple(x_shape), kernel, stride, padding, include_pad))
avg_pool_grad.vjp(lambda g, kernel, stride, padding, include_pad: avg_pool2d(g, kernel, stride, padding, include_pad))


def _averager(n: int, out: int, like: Any) -> Any:
    """[out, n]: row i averages from floor(i n / out) to ceil((i + 1) n / out)."""
    m = np.zeros_like(like, shape=(out, n))
    for i in range(out):
        start, stop = i * n // out, -(-(i + 1) * n // out)
        m[i, start:stop] = 1 / (stop - start)
    return m


@op(r"\operatorname{avg\_pool}({x})", name="adaptive_avg_pool2d", node="AdaptiveAvgPool2D", grad_tex=r"\bar{x} = A_h^{\top}\,\bar{y}\,A_w")
def adaptive_avg_pool2d(x: Any, size: Pair) -> Any:
    """A_h x A_wᵀ with rows that average."""
    h, w = x.shape[2:]
    return np.matmul(np.matmul(_averager(h, size[0], x), x), _averager(w, size[1], x).T)


@op(r"\operatorname{avg\_unpool}({x})", name="adaptive_avg_pool2d_backward", grad_tex=r"\bar{x} = \operatorname{avg\_pool}(\bar{y})")
def adaptive_avg_pool_grad(x: Any, shape: Any) -> Any:
    h, w = shape[2:]
    return np.matmul(np.matmul(_averager(h, x.shape[2], x).T, x), _averager(w, x.shape[3], x))


adaptive_avg_pool2d.vjp(lambda g, x_shape: adaptive_avg_pool_grad(g, tuple(x_shape)))
adaptive_avg_pool_grad.vjp(lambda g, x_shape: adaptive_avg_pool2d(g, tuple(x_shape[2:])))
