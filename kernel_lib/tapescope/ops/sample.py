"""Samples of images at points between pixels, and pixels moved between places and channels."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from ..core.tensor import wrap
from .again import gradients
from .conv import every, inner, padded, windows

# -- patches ----------------------------------------------------------------------------------------------------------------------------------


@op(r"\operatorname{im2col}({x})", name="im2col", node="Im2Col", grad_tex=r"\bar{x} = \operatorname{col2im}(\bar{y})")
def im2col(x: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    win = windows(padded(x, padding), kernel, stride, dilation)
    n, c, oh, ow, kh, kw = win.shape
    return win.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * kh * kw, oh * ow)


@op(r"\operatorname{col2im}({x})", name="col2im", node="Col2Im", grad_tex=r"\bar{x} = \operatorname{im2col}(\bar{y})")
def col2im(x: Any, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    n = x.shape[0]
    out = tuple((size[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in (0, 1))
    cols = x.reshape(n, x.shape[1] // (kernel[0] * kernel[1]), *kernel, *out)
    y = np.zeros_like(x, shape=(n, cols.shape[1], *[h + 2 * p for h, p in zip(size, padding, strict=True)]), order="C")
    for i, j in itertools.product(*map(range, kernel)):
        part = every(y, (i * dilation[0], j * dilation[1]), stride, out)
        part += cols[:, :, i, j]
    y = y[inner(size, padding)]
    return y if y.flags.c_contiguous else y.copy()


im2col.vjp(lambda g, x_shape, kernel, dilation, padding, stride: col2im(g, tuple(x_shape[2:]), kernel, dilation, padding, stride))
col2im.vjp(lambda g, kernel, dilation, padding, stride: im2col(g, kernel, dilation, padding, stride))


@op(r"\operatorname{shuffle}({x})", name="pixel_shuffle", grad_tex=r"\bar{x} = \operatorname{unshuffle}(\bar{y})")
def pixel_shuffle(x: Any, r: int) -> Any:
    *lead, c, h, w = x.shape
    k = len(lead)
    y = x.reshape(*lead, c // (r * r), r, r, h, w).transpose(*range(k), k, k + 3, k + 1, k + 4, k + 2)
    return ar.contiguous(y).reshape(*lead, c // (r * r), h * r, w * r)


@op(r"\operatorname{unshuffle}({x})", name="pixel_unshuffle", grad_tex=r"\bar{x} = \operatorname{shuffle}(\bar{y})")
def pixel_unshuffle(x: Any, r: int) -> Any:
    *lead, c, h, w = x.shape
    k = len(lead)
    y = x.reshape(*lead, c, h // r, r, w // r, r).transpose(*range(k), k, k + 2, k + 4, k + 1, k + 3)
    return ar.contiguous(y).reshape(*lead, c * r * r, h // r, w // r)


pixel_shuffle.vjp(lambda g, r: pixel_unshuffle(g, r))
pixel_unshuffle.vjp(lambda g, r: pixel_shuffle(g, r))


@op(r"\operatorname{deal}({x})", name="channel_shuffle", grad_tex=r"\bar{x} = \operatorname{deal}^{-1}(\bar{y})")
def channel_shuffle(x: Any, groups: int) -> Any:
    n, c, *size = x.shape
    return ar.contiguous(x.reshape(n, groups, c // groups, *size).swapaxes(1, 2)).reshape(x.shape)


channel_shuffle.vjp(lambda g, x_shape, groups: channel_shuffle(g, x_shape[1] // groups))

# -- points between pixels ---------------------------------------------------------------------------------------------------------------------


def _unnormalised(p: Any, n: int, align: bool) -> Any:
    """A coordinate in [-1, 1] as a pixel."""
    return (p + 1) * ((n - 1) / 2) if align else ((p + 1) * n - 1) * 0.5


def _reflected(p: Any, twice_low: int, twice_high: int) -> tuple[Any, Any]:
    """A coordinate reflected into [low, high], and the sign of its slope."""
    if twice_low == twice_high:
        return p * 0, p * 0
    low, span = twice_low / 2, (twice_high - twice_low) / 2
    away = p - low
    sign = np.where(away < 0, -1.0, 1.0)
    away = np.abs(away)
    extra, flips = np.fmod(away, span), np.floor(away / span)
    even = flips % 2 == 0
    return np.where(even, extra + low, span - extra + low), np.where(even, sign, -sign)


def _placed(p: Any, n: int, padding: str, align: bool) -> tuple[Any, Any]:
    """A pixel coordinate after the border has been dealt with, and its slope."""
    slope = np.ones_like(p)
    if padding == "reflection":
        p, slope = _reflected(p, 0, 2 * (n - 1)) if align else _reflected(p, -1, 2 * n - 1)
    if padding != "zeros":
        slope = np.where((p <= 0) | (p >= n - 1), 0.0, slope)
        p = np.clip(p, 0, n - 1)
    return p, slope


def _keys(t: Any) -> tuple[Any, Any]:
    """Weights of the four neighbours of a point at `t` behind the second, and their slopes."""
    a = -0.75
    w, s = [], []
    for k in (-1, 0, 1, 2):
        d = np.abs(t - k)
        sign = np.where(t - k < 0, -1.0, 1.0)
        near = d <= 1
        w.append(np.where(near, ((a + 2) * d - (a + 3)) * d * d + 1, ((d - 5) * d + 8) * d * a - 4 * a))
        s.append(sign * np.where(near, (3 * (a + 2) * d - 2 * (a + 3)) * d, ((3 * d - 10) * d + 8) * a))
    return w, s


def _neighbours(grid: Any, size: Any, mode: str, padding: str, align: bool) -> Any:
    """For every dimension, its neighbours: (pixel index, weight, slope of the weight by the normalised coordinate, inside)."""
    d = len(size)
    found = []
    for i, n in enumerate(size):
        p = _unnormalised(grid[..., d - 1 - i].astype(np.float64), n, align)
        scale = (n - 1) / 2 if align else n / 2
        if mode == "bicubic":
            low = np.floor(p)
            w, s = _keys(p - low)
            line = []
            for k, (wk, sk) in zip((-1, 0, 1, 2), zip(w, s, strict=True), strict=True):
                at, _ = _placed(low + k, n, padding, align)
                line.append((at, wk, sk * scale))
        else:
            p, slope = _placed(p, n, padding, align)
            if mode == "nearest":
                line = [(np.rint(p), np.ones_like(p), np.zeros_like(p))]
            else:
                low = np.floor(p)
                share = p - low
                line = [(low, 1 - share, -slope * scale), (low + 1, share, slope * scale)]
        found.append([(np.clip(np.nan_to_num(at), 0, n - 1).astype(np.int64), w * inside, s * inside)
                      for at, w, s in line for inside in [((at >= 0) & (at <= n - 1)).astype(np.float64)]])
    return found


def _corners(neighbours: Any, size: Any) -> Any:
    """Every combination of neighbours: flat index, weights and slopes of every dimension."""
    for chosen in itertools.product(*neighbours):
        flat: Any = 0
        for (at, _, _), n in zip(chosen, size, strict=True):
            flat = flat * n + at
        yield flat, [w for _, w, _ in chosen], [s for _, _, s in chosen]


@op(r"{x}[{grid}]", operands=2, name="grid_sampler_2d", node="GridSampler2D",
    grad_tex=r"\bar{x}[\text{corner}] \mathrel{+}= w\,\bar{y} \\ \bar{p} = \textstyle\sum_{\text{corners}} \frac{\partial w}{\partial p}\,x\,\bar{y}")
def _grid_sample2(x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    return _sampled(x, grid, mode, padding, align)


@op(r"{x}[{grid}]", operands=2, name="grid_sampler_3d", node="GridSampler3D",
    grad_tex=r"\bar{x}[\text{corner}] \mathrel{+}= w\,\bar{y} \\ \bar{p} = \textstyle\sum_{\text{corners}} \frac{\partial w}{\partial p}\,x\,\bar{y}")
def _grid_sample3(x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    return _sampled(x, grid, mode, padding, align)


def grid_sample(x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    return (_grid_sample2 if x.ndim == 4 else _grid_sample3)(x, grid, mode, padding, align)


def _sampled(x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    n, c, *size = x.shape
    out = grid.shape[1:-1]
    xp = module_of(x)
    if c >= 4 and xp is np:
        return _of_pixels(x, grid, mode, padding, align).reshape(n, c, *out)
    flat = x.reshape(n, c, -1)
    y = xp.zeros((n, c, math.prod(out)), x.dtype)
    for place, weights, _ in _corners(_neighbours(grid, size, mode, padding, align), size):
        w = math.prod(weights).reshape(n, 1, -1).astype(x.dtype)
        y += xp.take_along_axis(flat, place.reshape(n, 1, -1), 2) * w
    return y.reshape(n, c, *out)


def _of_pixels(x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    """All channels of a pixel at once, which then lie side by side in memory."""
    n, c, *size = x.shape
    many = math.prod(size)
    pixels = ar.contiguous(x.reshape(n, c, many).swapaxes(1, 2)).reshape(n * many, c)
    first = (np.arange(n) * many)[:, None]
    y: Any = None
    for place, weights, _ in _corners(_neighbours(grid, size, mode, padding, align), size):
        part = pixels.take((place.reshape(n, -1) + first).reshape(-1), 0)
        part *= math.prod(weights).astype(x.dtype).reshape(-1, 1)
        y = part if y is None else np.add(y, part, out=y)
    return ar.contiguous(y.reshape(n, -1, c).swapaxes(1, 2))


def _grid_sample_grad(g: Any, x: Any, grid: Any, mode: str, padding: str, align: bool, needs: Any) -> Any:
    if hasattr(x, "_array") or hasattr(g, "_array"):
        return gradients(lambda a, p: _composed(a, p, mode, padding, align), (x, grid), (g,), needs)
    n, c, *size = x.shape
    xp = module_of(x)
    gs, flat = g.reshape(n, c, -1), x.reshape(n, c, -1)
    gx: Any = xp.zeros((n * c, math.prod(size)), x.dtype) if needs[0] else None
    gp: Any = xp.zeros((n, gs.shape[2], len(size))) if needs[1] else None
    rows = xp.arange(n * c)[:, None]
    for place, weights, slopes in _corners(_neighbours(grid, size, mode, padding, align), size):
        place = place.reshape(n, 1, -1)
        if needs[0]:
            w = math.prod(weights).reshape(n, 1, -1).astype(x.dtype)
            ar.at(np.add, gx, (rows, xp.broadcast_to(place, gs.shape).reshape(n * c, -1)), (gs * w).reshape(n * c, -1))
        if needs[1]:
            along = (xp.take_along_axis(flat, place, 2) * gs).sum(1)
            for i in range(len(size)):
                w = math.prod([s if j == i else v for j, (v, s) in enumerate(zip(weights, slopes, strict=True))])
                gp[..., len(size) - 1 - i] += along * w.reshape(n, -1)
    return [None if gx is None else gx.reshape(x.shape), None if gp is None else gp.reshape(grid.shape).astype(grid.dtype)]


_grid_sample2.vjp_all(_grid_sample_grad)
_grid_sample3.vjp_all(_grid_sample_grad)


def _composed(x: Any, grid: Any, mode: str, padding: str, align: bool) -> Any:
    """The same of ops of the table: weights are polynomials in the coordinates, around where the points are."""
    n, c, *size = x.shape
    d = len(size)
    points = grid._array
    flat, out = x.reshape(n, c, -1), points.shape[1:-1]
    total: Any = 0
    lines = _neighbours(points, size, mode, padding, align)
    smooth = []                                            # per dimension, each neighbour's weight as a Tensor
    for i, line in enumerate(lines):
        p = grid[..., d - 1 - i]
        step = p - p.detach()                              # zero, with slope one
        smooth.append([wrap(w.astype(points.dtype)) + wrap(s.astype(points.dtype)) * step + _bend(points[..., d - 1 - i], size[i], mode, padding, align, k) * step * step
                       for k, (_, w, s) in enumerate(line)])
    for chosen in itertools.product(*[range(len(line)) for line in lines]):
        place: Any = 0
        weight: Any = 1
        for i, k in enumerate(chosen):
            place = place * size[i] + lines[i][k][0]
            weight = weight * smooth[i][k]
        where = wrap(ar.contiguous(np.broadcast_to(place.reshape(n, 1, -1), (n, c, place[0].size))))
        total = total + flat.gather(2, where) * weight.reshape(n, 1, -1)
    return total.reshape(n, c, *out)


def _bend(p: Any, n: int, mode: str, padding: str, align: bool, k: int) -> Any:
    """Half the second derivative of a cubic weight."""
    if mode != "bicubic":
        return 0.0
    scale = (n - 1) / 2 if align else n / 2
    p = _unnormalised(p.astype(np.float64), n, align)
    low = np.floor(p)
    at, _ = _placed(low + (k - 1), n, padding, align)
    d = np.abs(p - low - (k - 1))
    a = -0.75
    second = np.where(d <= 1, 6 * (a + 2) * d - 2 * (a + 3), (6 * d - 10) * a)
    return wrap((0.5 * second * scale * scale * ((at >= 0) & (at <= n - 1))).astype(p.dtype))
