"""Softmax and normalisation: one node each, as in PyTorch, with vjps in terms of their own outputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.op import op
from .pointwise import exp
from .reduce import sum_dim
from .shape import reshape


@op(r"\operatorname{softmax}({x})", name="softmax", grad_tex=r"\bar{x} = y \odot \left(\bar{y} - \textstyle\sum \bar{y} \odot y\right)")
def softmax(x: Any, dim: int) -> Any:
    if x.size == 0 or not x.ndim:
        return x * 0 + 1
    if _rows(x, dim):
        # The largest of all instead of that of every row, as long as no row vanishes beside it: NumPy's maximum of rows is slow.
        y = x - np.maximum.reduce(x, None)
        if np.isfinite(y).all():
            np.exp(y, y)
            total = _row_sums(y)
            if np.minimum.reduce(total, None) > 1e-20:
                y /= total
                return y
    y = np.exp(x - ar.largest(x, dim))
    y /= np.add.reduce(y, dim, None, None, True)
    return y


def _rows(x: Any, dim: int) -> bool:
    """Whether `dim` is the last of an array of floats that lies row by row, of which there are many."""
    return isinstance(x, np.ndarray) and dim == x.ndim - 1 and x.flags.c_contiguous and x.dtype.char in "fd" and x.size > 4096


def _row_sums(x: Any, weights: Any = None) -> Any:
    """Sums over the last dimension, kept as 1: as a product with ones, or of elements times weights."""
    n = x.shape[-1]
    ones = np.ones(n, x.dtype) if weights is None else weights
    return np.matmul(x.reshape(-1, n), ones).reshape((*x.shape[:-1], 1))


@op(r"\log \operatorname{softmax}({x})", name="log_softmax", grad_tex=r"\bar{x} = \bar{y} - e^{y} \textstyle\sum \bar{y}")
def log_softmax(x: Any, dim: int) -> Any:
    if x.size == 0 or not x.ndim:
        return x * 0
    y = x - ar.largest(x, dim)
    y -= np.log(np.add.reduce(np.exp(y), dim, None, None, True))
    return y


def _softmax_grad(g: Any, y: Any, dim: int) -> Any:
    gy = g * y
    if not len(y.shape):
        return gy - gy
    if _rows(y, dim) and gy.flags.c_contiguous:
        gy -= y * _row_sums(gy)
        return gy
    return gy - y * sum_dim(gy, (dim,), True)


softmax.vjp(_softmax_grad)
log_softmax.vjp(lambda g, y, dim: g - exp(y) * sum_dim(g, (dim,), True) if len(y.shape) else g - g)


@op(r"\frac{{x} - \mu}{\sqrt{\sigma^2 + \varepsilon}} \odot {w} + {b}", operands=3, name="native_layer_norm", aux=("mean", "rstd"),
    grad_tex=r"\hat{g} = \bar{y} \odot w \\ \bar{x} = \tfrac{1}{\sigma}\left(\hat{g} - \operatorname{mean}(\hat{g}) - \hat{x} \odot \operatorname{mean}(\hat{g} \odot \hat{x})\right)"
             r" \\ \bar{w} = \textstyle\sum \bar{y} \odot \hat{x} \\ \bar{b} = \textstyle\sum \bar{y}")
def layer_norm(x: Any, w: Any, b: Any, dims: int, eps: float) -> Any:
    axes = tuple(range(x.ndim - dims, x.ndim))
    n = 1
    for a in axes:
        n *= x.shape[a]
    if dims == 1 and _rows(x, x.ndim - 1):
        mean = _row_sums(x) / x.dtype.type(n)
        y = x - mean
        rstd = 1 / np.sqrt(np.vecdot(y, y)[..., None] / x.dtype.type(n) + x.dtype.type(eps))
        return _affine(y, w, b, rstd), mean, rstd
    mean = np.add.reduce(x, axes, None, None, True) / x.dtype.type(n)
    y = x - mean
    rstd = 1 / np.sqrt(np.add.reduce(y * y, axes, None, None, True) / x.dtype.type(n) + x.dtype.type(eps))
    return _affine(y, w, b, rstd), mean, rstd


def _affine(y: Any, w: Any, b: Any, rstd: Any) -> Any:
    y *= rstd
    if w is not None:
        y *= w
    if b is not None:
        y += b
    return y


def _layer_norm_rows(g: Any, x: Any, w: Any, mean: Any, rstd: Any, needs: Any) -> Any:
    """The gradients where rows are normalised: every sum is a product of a matrix and a vector."""
    n = x.shape[-1]
    weights = np.ones(n, x.dtype) if w is None else w
    hat = x - mean
    hat *= rstd
    t = g * hat
    first = np.ones(x.size // n, x.dtype)
    gw = np.matmul(first, t.reshape(-1, n)) if needs[1] else None
    gb = np.matmul(first, g.reshape(-1, n)) if needs[2] else None
    gx = None
    if needs[0]:
        share = x.dtype.type(1 / n)
        hat *= _row_sums(t, weights) * share
        gx = np.multiply(g, weights, t)
        gx -= hat
        gx -= _row_sums(g, weights) * share
        gx *= rstd
    return [gx, gw, gb]


def _normalised(x: Any, axes: tuple[int, ...], n: int, eps: float, mean: Any, rstd: Any) -> tuple[Any, Any]:
    """x-hat and 1/sigma: the saved ones on arrays, recomputed on Tensors so that they are differentiated too."""
    if hasattr(x, "_array"):
        from .pointwise import rsqrt

        c = x - sum_dim(x, axes, True) * (1.0 / n)
        rstd = rsqrt(sum_dim(c * c, axes, True) * (1.0 / n) + eps)
        return c * rstd, rstd
    return (x - mean) * rstd, rstd


def _layer_norm_grad(g: Any, x: Any, w: Any, w_shape: Any, dims: int, eps: float, mean: Any, rstd: Any, needs: Any) -> Any:
    if dims == 1 and not hasattr(x, "_array") and _rows(x, x.ndim - 1) and g.dtype == x.dtype and (w is None or w.dtype == x.dtype):
        return _layer_norm_rows(g, x, w, mean, rstd, needs)
    axes = tuple(range(x.ndim - dims, x.ndim))
    lead = tuple(range(x.ndim - dims))
    n = 1
    for a in axes:
        n *= x.shape[a]
    hat, rstd = _normalised(x, axes, n, eps, mean, rstd)
    gx = None
    if needs[0]:
        gh = g if w is None else g * w
        gx = rstd * (gh - sum_dim(gh, axes, True) * (1.0 / n) - hat * (sum_dim(gh * hat, axes, True) * (1.0 / n)))
    return [gx, _over(g * hat, lead) if needs[1] else None, _over(g, lead) if needs[2] else None]


def _over(g: Any, lead: tuple[int, ...]) -> Any:
    """The sum over leading dimensions, as one product with ones where memory allows."""
    from .linalg import sum_rows

    if not lead:
        return g
    rest = tuple(g.shape[len(lead):])
    n = 1
    for s in rest:
        n *= s
    return reshape(sum_rows(reshape(g, (-1, n))), rest) if n else sum_dim(g, lead, False)


layer_norm.vjp_all(_layer_norm_grad)


@op(r"\frac{{x} - \mu}{\sqrt{\sigma^2 + \varepsilon}} \odot {w} + {b}", operands=3, name="native_batch_norm", aux=("mean", "rstd"),
    grad_tex=r"\hat{g} = \bar{y} \odot w \\ \bar{x} = \tfrac{1}{\sigma}\left(\hat{g} - \operatorname{mean}(\hat{g}) - \hat{x} \odot \operatorname{mean}(\hat{g} \odot \hat{x})\right)"
             r" \\ \bar{w} = \textstyle\sum \bar{y} \odot \hat{x} \\ \bar{b} = \textstyle\sum \bar{y}")
def batch_norm(x: Any, w: Any, b: Any, training: bool, given_mean: Any, given_var: Any, eps: float, momentum: float) -> Any:
    """In training the batch's moments, which move the given ones by `momentum` in place; else the given ones."""
    one = (1, -1) + (1,) * (x.ndim - 2)
    real = x.dtype.type
    if training:
        n = x.size // max(x.shape[1], 1)
        mean = _per_channel(x) / real(n)
        y = x - mean.reshape(one)
        var = _per_channel(y, y) / real(n)
        if momentum and given_mean is not None and given_var is not None and n:
            given_mean += momentum * (mean - given_mean)
            given_var += momentum * (var * (n / (n - 1)) - given_var)
    else:
        mean, var = given_mean.astype(x.dtype, copy=False), given_var.astype(x.dtype, copy=False)
        y = x - mean.reshape(one)
    rstd = 1 / np.sqrt(var + real(eps))
    y *= (rstd if w is None else rstd * w).reshape(one)
    if b is not None:
        y += b.reshape(one)
    return y, mean.reshape(one), rstd.reshape(one)


def _per_channel(x: Any, z: Any = None) -> Any:
    """The sum of x, or of x z, over all dimensions but the second: as products with ones and of rows where rows are long."""
    n, c = x.shape[:2]
    row = x.size // max(n * c, 1)
    if row < 16 or not isinstance(x, np.ndarray):
        return np.add.reduce(x if z is None else x * z, (0, *range(2, x.ndim)))
    if z is None:
        return np.add.reduce(np.matmul(x.reshape(n * c, row), np.ones(row, x.dtype)).reshape(n, c), 0)
    return np.add.reduce(np.vecdot(x.reshape(n, c, row), z.reshape(n, c, row)), 0)


def _batch_norm_arrays(g: Any, x: Any, w: Any, training: bool, mean: Any, rstd: Any, needs: Any) -> Any:
    """The gradients on arrays, with what is the same in a channel computed once a channel."""
    one = mean.shape
    real = x.dtype.type
    total: Any = _per_channel(g) if needs[2] or (needs[0] and training) else None
    scale = rstd if w is None else rstd * w.reshape(one)
    if not (needs[1] or (needs[0] and training)):
        return [g * scale if needs[0] else None, None, total]
    c = x - mean
    gw = _per_channel(g, c) * rstd.reshape(-1)
    gx = None
    if needs[0] and training:
        n = real(x.size // x.shape[1])
        c *= -scale * rstd * gw.reshape(one) / n
        c -= scale * (total.reshape(one) / n)
        c += g * scale
        gx = c
    elif needs[0]:
        gx = g * scale
    return [gx, gw if needs[1] else None, total if needs[2] else None]


def _batch_norm_grad(g: Any, x: Any, w: Any, training: bool, eps: float, mean: Any, rstd: Any, needs: Any) -> Any:
    if not hasattr(x, "_array"):
        return _batch_norm_arrays(g, x, w, training, mean, rstd, needs)
    axes = (0, *range(2, x.ndim))
    one = (1, -1) + (1,) * (x.ndim - 2)
    n = 1
    for a in axes:
        n *= x.shape[a]
    hat, rstd = _normalised(x, axes, n, eps, mean, rstd) if training else ((x - mean) * rstd, rstd)
    gx = None
    if needs[0]:
        gh = g if w is None else g * reshape(w, one)
        if training:
            gx = rstd * (gh - sum_dim(gh, axes, True) * (1.0 / n) - hat * (sum_dim(gh * hat, axes, True) * (1.0 / n)))
        else:
            gx = gh * rstd
    return [gx, sum_dim(g * hat, axes, False) if needs[1] else None, sum_dim(g, axes, False) if needs[2] else None]


batch_norm.vjp_all(_batch_norm_grad)


# -- groups of channels, and root mean squares -----------------------------------------------------------------------------------------------


@op(r"\frac{{x} - \mu}{\sqrt{\sigma^2 + \varepsilon}} \odot {w} + {b}", operands=3, name="native_group_norm", aux=("mean", "rstd"),
    grad_tex=r"\hat{g} = \bar{y} \odot w \\ \bar{x} = \tfrac{1}{\sigma}\left(\hat{g} - \operatorname{mean}(\hat{g}) - \hat{x} \odot \operatorname{mean}(\hat{g} \odot \hat{x})\right)"
             r" \\ \bar{w} = \textstyle\sum \bar{y} \odot \hat{x} \\ \bar{b} = \textstyle\sum \bar{y}")
def group_norm(x: Any, w: Any, b: Any, groups: int, eps: float) -> Any:
    """Rows [N, groups, everything of a group], normalised; weight and bias a channel."""
    n, c = x.shape[:2]
    rows = x.reshape(n, groups, c // groups * math.prod(x.shape[2:]))
    many = x.dtype.type(max(rows.shape[2], 1))
    mean = np.add.reduce(rows, 2, None, None, True) / many
    y = rows - mean
    rstd = 1 / np.sqrt(np.add.reduce(y * y, 2, None, None, True) / many + x.dtype.type(eps))
    y *= rstd
    y = y.reshape(x.shape)
    one = (-1, *(1,) * (x.ndim - 2))
    if w is not None:
        y *= w.reshape(one)
    if b is not None:
        y += b.reshape(one)
    return y, mean, rstd


def _group_norm_grad(g: Any, x: Any, w: Any, groups: int, eps: float, mean: Any, rstd: Any, needs: Any) -> Any:
    n, c = x.shape[:2]
    one = (-1, *(1,) * (len(x.shape) - 2))
    shape = tuple(x.shape)
    many = 1
    for s in shape[1:]:
        many *= s
    rows = (n, groups, many // groups)
    hat, rstd = _normalised(reshape(x, rows), (2,), rows[2], eps, mean, rstd)
    gx = None
    if needs[0]:
        gh = reshape(g if w is None else g * reshape(w, one), rows)
        gx = reshape(rstd * (gh - sum_dim(gh, (2,), True) * (1.0 / rows[2]) - hat * (sum_dim(gh * hat, (2,), True) * (1.0 / rows[2]))), shape)
    axes = (0, *range(2, len(shape)))
    return [gx, sum_dim(g * reshape(hat, shape), axes, False) if needs[1] else None, sum_dim(g, axes, False) if needs[2] else None]


group_norm.vjp_all(_group_norm_grad)


@op(r"\frac{x}{\sqrt{\operatorname{mean}({x}^2) + \varepsilon}} \odot {w}", operands=2, name="rms_norm", node="FusedRmsNorm", aux=("rrms",),
    grad_tex=r"\hat{g} = \bar{y} \odot w \\ \bar{x} = \tfrac{1}{r}\left(\hat{g} - \hat{x} \odot \operatorname{mean}(\hat{g} \odot \hat{x})\right) \\ \bar{w} = \textstyle\sum \bar{y} \odot \hat{x}")
def rms_norm(x: Any, w: Any, dims: int, eps: float) -> Any:
    axes = tuple(range(x.ndim - dims, x.ndim))
    if dims == 1 and _rows(x, x.ndim - 1):
        squares = np.vecdot(x, x)[..., None] / x.dtype.type(x.shape[-1])
    else:
        squares = np.add.reduce(x * x, axes, None, None, True) / x.dtype.type(_many(x.shape, axes))
    rrms = 1 / np.sqrt(squares + x.dtype.type(eps))
    y = x * rrms
    if w is not None:
        y *= w
    return y, rrms


def _many(shape: Any, axes: Any) -> int:
    n = 1
    for a in axes:
        n *= shape[a]
    return n


def _rms_norm_grad(g: Any, x: Any, w: Any, dims: int, eps: float, rrms: Any, needs: Any) -> Any:
    axes = tuple(range(len(x.shape) - dims, len(x.shape)))
    share = 1.0 / _many(x.shape, axes)
    if hasattr(x, "_array"):
        from .pointwise import rsqrt

        rrms = rsqrt(sum_dim(x * x, axes, True) * share + eps)
    hat = x * rrms
    gx = None
    if needs[0]:
        gh = g if w is None else g * w
        gx = rrms * (gh - hat * (sum_dim(gh * hat, axes, True) * share))
    return [gx, _over(g * hat, tuple(range(len(x.shape) - dims))) if needs[1] else None]


rms_norm.vjp_all(_rms_norm_grad)
