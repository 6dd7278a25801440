"""Running and selecting reductions: cummax, logcumsumexp, median, mode, kthvalue; and those with two results."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.op import op
from . import large
from . import order as od
from .index import scatter_add
from .pointwise import exp, isnan, log, nothing, where
from .reduce import Dims, _even, _norm_grad, even_of_all, mean_dim, norm, put_along, spread
from .reduce import _std_grad as std_grad
from .reduce import _var_grad as var_grad
from .reduce import std as std_op
from .reduce import var as var_op
from .scalars import scalar_too
from .shape import Shape, flip

# -- along the way --------------------------------------------------------------------------------------------------------------------------


def _running(ufunc: Any, x: Any, dim: int, wins: Any) -> tuple[Any, Any]:
    if isinstance(x, np.ndarray) and x.size // x.shape[dim] >= 32 and x.size >= large.MANY:
        return large.running(x, dim, ufunc, wins)
    values = ar.running(ufunc, x, dim)
    at = module_of(x).arange(x.shape[dim]).reshape((-1,) + (1,) * (x.ndim - dim - 1))
    nan = np.isnan(x) if x.dtype.kind == "f" else False
    return values, ar.running(np.maximum, (wins(x, values) | nan) * at, dim)


@op(r"\operatorname{cummax}({x})", name="cummax", aux=("indices",), grad_tex=r"\bar{x}[\text{index}] \mathrel{+}= \bar{y}")
def cummax(x: Any, dim: int) -> Any:
    return od.remembered(*_running(np.maximum, x, dim, np.greater_equal))


@op(r"\operatorname{cummin}({x})", name="cummin", aux=("indices",), grad_tex=r"\bar{x}[\text{index}] \mathrel{+}= \bar{y}")
def cummin(x: Any, dim: int) -> Any:
    return od.remembered(*_running(np.minimum, x, dim, np.less_equal))


cummax.vjp(lambda g, dim, indices: scatter_add(nothing(g), dim, indices, g))
cummin.vjp(lambda g, dim, indices: scatter_add(nothing(g), dim, indices, g))


@op(r"\log \operatorname{cumsum} e^{x}", name="logcumsumexp", grad_tex=r"\bar{x}_i = \textstyle\sum_{j \ge i} \bar{y}_j\,e^{x_i - y_j}")
def logcumsumexp(x: Any, dim: int) -> Any:
    return ar.running(np.logaddexp, x, dim)


def _logcumsumexp_grad(g: Any, x: Any, y: Any, dim: int) -> Any:
    from .index import raw
    from .reduce import _reverse_cumsum

    if not raw(x).size:
        return g
    low, high = float(raw(y).min()), float(raw(x).max())
    if high - low < 60:                                     # nothing overflows when measured from the largest
        return exp(x - high) * _reverse_cumsum(g * exp(high - y), dim)

    def part(sign: int) -> Any:                             # else in logarithms
        positive = g * sign > 0
        amount = log(where(positive, g * sign, g * 0 + 1)) + where(positive, g * 0, g * 0 - np.inf)
        return exp(flip(logcumsumexp(flip(amount - y, (dim,)), dim), (dim,)) + x)

    return part(1) - part(-1)


logcumsumexp.vjp(_logcumsumexp_grad)

# -- one of the elements --------------------------------------------------------------------------------------------------------------------

_CHOSEN = r"\bar{x}_{i} = \bar{y}\,[i \text{ chosen}]"


def _pick(x: Any, i: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    values = od.along(x, i, dim)
    return od.remembered(values, i) if keepdim else od.remembered(values.squeeze(dim), i.squeeze(dim))


@op(r"\operatorname{kthvalue}({x})", name="kthvalue", aux=("indices",), grad_tex=_CHOSEN)
def kthvalue(x: Any, k: int, dim: int, keepdim: bool) -> Any:
    return _pick(x, od.nth(x, k - 1, dim), dim, keepdim)


def _middle(x: Any, dim: int, ignore_nan: bool) -> Any:
    n = x.shape[dim]
    if x.dtype.kind != "f" or not np.isnan(x).any():
        return od.nth(x, (n - 1) // 2, dim)
    order = od.order(x, dim)
    valid = np.sum(~np.isnan(x), dim, keepdims=True)
    k = np.maximum((valid - 1) // 2, 0) if ignore_nan else np.where(valid < n, valid, (n - 1) // 2)
    return np.take_along_axis(order, k, dim)


@op(r"\operatorname{median}({x})", name="median", aux=("indices",), grad_tex=_CHOSEN)
def median_dim(x: Any, dim: int, keepdim: bool) -> Any:
    """The lower of the middle elements; nan where there is one."""
    return _pick(x, _middle(x, dim, False), dim, keepdim)


@op(r"\operatorname{nanmedian}({x})", name="nanmedian", aux=("indices",), grad_tex=_CHOSEN)
def nanmedian_dim(x: Any, dim: int, keepdim: bool) -> Any:
    return _pick(x, _middle(x, dim, True), dim, keepdim)


@op(r"\operatorname{mode}({x})", name="mode", aux=("indices",), grad_tex=_CHOSEN)
def mode_dim(x: Any, dim: int, keepdim: bool) -> Any:
    """The most frequent element, the smallest of several; with the last place where it stands."""
    order = od.order(x, dim)
    ranked = np.moveaxis(od.along(x, order, dim), dim, -1)
    at = module_of(x).arange(ranked.shape[-1])
    new = np.ones_like(ranked, bool)
    new[..., 1:] = ranked[..., 1:] != ranked[..., :-1]
    length = at - ar.running(np.maximum, np.where(new, at, 0), ranked.ndim - 1)
    best = np.expand_dims(np.argmax(length, -1), dim)
    return _pick(x, np.take_along_axis(order, best, dim), dim, keepdim)


for _f in (kthvalue, median_dim, nanmedian_dim, mode_dim):
    _f.vjp(lambda g, x_shape, dim, keepdim, indices: put_along(g, x_shape, dim, keepdim, indices))
median_dim.op.node_name, nanmedian_dim.op.node_name = "MedianBackward1", "NanmedianBackward1"


@op(r"\operatorname{median}({x})", name="median_all", node="Median", grad_tex=_CHOSEN)
def median_all(x: Any) -> Any:
    return _whole(x, False)


@op(r"\operatorname{nanmedian}({x})", name="nanmedian_all", node="Nanmedian", grad_tex=_CHOSEN)
def nanmedian_all(x: Any) -> Any:
    return _whole(x, True)


def _whole(x: Any, ignore_nan: bool) -> Any:
    line = x.reshape(-1)
    return line[_middle(line, 0, ignore_nan)[0]] if line.size else x.dtype.type(np.nan)


median_all.vjp(lambda g, x, y: even_of_all(g, x, y, tuple(range(x.ndim))))
nanmedian_all.vjp(lambda g, x, y: _even(g, x, y, tuple(range(x.ndim))))

# -- without nan, and two at once -----------------------------------------------------------------------------------------------------------


@op(r"\sum {x}", name="nansum", grad_tex=r"\bar{x} = \bar{y}\,[x \ne \text{nan}]")
def nansum(x: Any, dims: Dims, keepdim: bool) -> Any:
    return large.sum_of_numbers(x, dims, keepdim) if x.dtype.kind == "f" else np.nansum(x, dims, np.int64 if x.dtype.kind in "biu" else x.dtype, keepdims=keepdim)


nansum.vjp(lambda g, x, dims: spread(g, x.shape, dims) * ~isnan(x))


def _both(first: Any, second: Any) -> Any:
    """A vjp for two results from the vjps of each; gradients may be missing."""
    def vjp(g: Any, x: Any, y: Any, dims: Dims, correction: float) -> Any:
        a = None if g[0] is None else first(g[0], x, y, dims, correction)
        b = None if g[1] is None else second(g[1], x.shape, dims)
        return a if b is None else b if a is None else a + b
    return vjp


def _mean_grad(g: Any, shape: Shape, dims: Dims) -> Any:
    n = 1
    for d in dims:
        n *= shape[d]
    return spread(g / n, shape, dims)


@op(r"\operatorname{Var}, \operatorname{mean}({x})", name="var_mean", multi=True, grad_tex=r"\bar{x} = \bar{y}_1\,\frac{2\,(x - \mu)}{n - c} + \frac{\bar{y}_2}{n}")
def var_mean(x: Any, dims: Dims, correction: float, keepdim: bool) -> Any:
    return ar.as_array(var_op.op.forward(x, dims, correction, keepdim)), ar.as_array(mean_dim.op.forward(x, dims, keepdim))


@op(r"\operatorname{Std}, \operatorname{mean}({x})", name="std_mean", multi=True, grad_tex=r"\bar{x} = \bar{y}_1\,\frac{x - \mu}{(n - c)\,y_1} + \frac{\bar{y}_2}{n}")
def std_mean(x: Any, dims: Dims, correction: float, keepdim: bool) -> Any:
    return ar.as_array(std_op.op.forward(x, dims, correction, keepdim)), ar.as_array(mean_dim.op.forward(x, dims, keepdim))


def _var_mean_grad(g: Any, x: Any, dims: Dims, correction: float) -> Any:
    return _both(lambda g, x, y, dims, correction: var_grad(g, x, dims, correction), _mean_grad)(g, x, None, dims, correction)


def _std_mean_grad(g: Any, x: Any, dims: Dims, correction: float) -> Any:
    y = None if g[0] is None else std_op(x, dims, correction, False)
    return _both(std_grad, _mean_grad)(g, x, y, dims, correction)


var_mean.vjp(_var_mean_grad)
std_mean.vjp(_std_mean_grad)


@op(r"\min, \max {x}", name="aminmax", multi=True, grad_tex=r"\bar{x}_{i} = \frac{\bar{y}_1}{m_1}\,[x_i = y_1] + \frac{\bar{y}_2}{m_2}\,[x_i = y_2]")
def aminmax(x: Any, dims: Dims, keepdim: bool) -> Any:
    return ar.as_array(ar.smallest(x, dims, keepdim)), ar.as_array(ar.largest(x, dims, keepdim))


def _aminmax_grad(g: Any, x: Any, dims: Dims) -> Any:
    from .reduce import amax, amin

    if 0 in x.shape:
        return x * 0
    parts = [_even(part, x, f(x, dims, True), dims) for part, f in zip(g, (amin, amax), strict=True) if part is not None]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


aminmax.vjp(_aminmax_grad)


@op(r"\lVert {a} - {b} \rVert_{p}", operands=2, name="dist", grad_tex=r"\bar{a} = -\bar{b} = \bar{y}\,\frac{\partial \lVert a - b \rVert_p}{\partial a}")
def dist(a: Any, b: Any, p: float) -> Any:
    d = a - b
    if d.dtype == np.float16:                                # its squares have no room
        return norm.op.forward(d.astype(np.float32), p, tuple(range(d.ndim)), False).astype(np.float16)
    return norm.op.forward(d, p, tuple(range(d.ndim)), False)


def _dist_grad(g: Any, a: Any, b: Any, y: Any, p: float) -> Any:
    d = a - b
    return _norm_grad(g, d, y, p, tuple(range(len(d.shape))))


dist.vjp(_dist_grad, lambda g, a, b, y, p: -_dist_grad(g, a, b, y, p))


@op(r"\operatorname{renorm}({x})", name="renorm", grad_tex=r"\bar{x} = s\,\bar{y} + \frac{\partial s}{\partial x}\,\langle x, \bar{y} \rangle,\quad s = \min(1, \tfrac{m}{\lVert x \rVert_p})")
def renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    """Slices along `dim` whose p-norm exceeds `maxnorm` are scaled down to it."""
    dims = tuple(i for i in range(x.ndim) if i != dim)
    n = norm.op.forward(x, p, dims, True)
    return (x * np.where(n > maxnorm, maxnorm / (n + 1e-7), 1)).astype(x.dtype)


def _renorm_grad(g: Any, x: Any, p: float, dim: int, maxnorm: float) -> Any:
    from .reduce import sum_dim

    dims = tuple(i for i in range(len(x.shape)) if i != dim)
    n = norm(x, p, dims, True)
    above = n > maxnorm
    safe = where(above, n, n * 0 + 1)
    inner = sum_dim(g * x, dims, True)
    slope = where(above, inner * (-maxnorm) / ((safe + 1e-7) * (safe + 1e-7)), inner * 0)
    return g * where(above, maxnorm / (safe + 1e-7), safe * 0 + 1) + _norm_grad(slope, x, where(above, n, n * 0), p, dims)


renorm.vjp(_renorm_grad)


for _along in (cummax, cummin, logcumsumexp, kthvalue, median_dim, nanmedian_dim, mode_dim):
    scalar_too(_along)
