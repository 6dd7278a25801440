"""Reductions. Their vjps spread the gradient back over what was reduced; `dims` is always a tuple of non-negative ints."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core import dtype as dt
from ..core.op import op
from . import large
from .pointwise import exp, let
from .scalars import scalar_too
from .shape import broadcast_to, reshape

Dims = tuple[int, ...]


def kept(shape: Any, dims: Dims) -> tuple[int, ...]:
    """The shape with reduced dimensions kept as 1."""
    return tuple([1 if i in dims else s for i, s in enumerate(shape)])


def spread(g: Any, shape: Any, dims: Dims) -> Any:
    """A reduced gradient, broadcast back to the shape before."""
    return broadcast_to(reshape(g, kept(shape, dims)), tuple(shape))


def _sum_dtype(x: Any) -> Any:
    return np.int64 if x.dtype.kind in "biu" else None


@op(r"\sum {x}", name="sum_all", node="Sum", grad_tex=r"\bar{x} = \bar{y}\,\mathbf{1}")
def sum_all(x: Any) -> Any:
    return np.add.reduce(x, None, _sum_dtype(x))


sum_all.vjp(lambda g, x_shape: broadcast_to(g, x_shape))


@op(r"\sum_{d} {x}", name="sum", grad_tex=r"\bar{x}_{i} = \bar{y}\quad\text{for every } i \text{ that was summed}")
def sum_dim(x: Any, dims: Dims, keepdim: bool) -> Any:
    return np.add.reduce(x, dims, _sum_dtype(x), None, keepdim)


sum_dim.op.node_name = "SumBackward1"
sum_dim.vjp(lambda g, x_shape, dims: spread(g, x_shape, dims))


@op(r"\operatorname{mean}({x})", name="mean_all", node="Mean", grad_tex=r"\bar{x} = \frac{\bar{y}}{n}\,\mathbf{1}")
def mean_all(x: Any) -> Any:
    return np.add.reduce(x, None) / x.dtype.type(max(x.size, 1)) if x.size else x.dtype.type(np.nan)


def _size(shape: Any) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


mean_all.vjp(lambda g, x_shape: broadcast_to(g / _size(x_shape), x_shape))


@op(r"\operatorname{mean}_{d}({x})", name="mean", grad_tex=r"\bar{x}_{i} = \frac{\bar{y}}{n}")
def mean_dim(x: Any, dims: Dims, keepdim: bool) -> Any:
    n = _size([x.shape[d] for d in dims])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.add.reduce(x, dims, None, None, keepdim) / x.dtype.type(n)


mean_dim.op.node_name = "MeanBackward1"
mean_dim.vjp(lambda g, x_shape, dims: spread(g / _size([x_shape[d] for d in dims]), x_shape, dims))


@op(r"\prod {x}", name="prod", grad_tex=r"\bar{x}_{i} = \bar{y} \prod_{j \ne i} x_j")
def prod(x: Any, dims: Dims, keepdim: bool) -> Any:
    return large.product(x, dims, _sum_dtype(x), keepdim)


def _prod_grad(g: Any, x: Any, dims: Dims) -> Any:
    """Products of all the others, exact where elements are zero: exclusive products from the left times from the right."""
    from .shape import cat, flip, moveaxis

    rest = [i for i in range(x.ndim) if i not in dims]
    order = (*rest, *dims)
    flat = reshape(moveaxis(x, order), (*[x.shape[i] for i in rest], -1))
    one = flat[..., :1] * 0 + 1
    left = cumprod(cat((one, flat[..., :-1]), flat.ndim - 1), flat.ndim - 1)
    back = flip(flat, (flat.ndim - 1,))
    right = flip(cumprod(cat((one, back[..., :-1]), flat.ndim - 1), flat.ndim - 1), (flat.ndim - 1,))
    others = reshape(left * right, tuple([x.shape[i] for i in order]))
    inverse = tuple(int(i) for i in np.argsort(order))
    return spread(g, x.shape, dims) * moveaxis(others, inverse)


prod.vjp(_prod_grad)


@op(r"\prod {x}", name="prod_base", node="Prod", grad_tex=prod.op.grad_tex)
def prod_dim(x: Any, dims: Dims, keepdim: bool) -> Any:
    return prod.op.forward(x, dims, keepdim)


prod_dim.op.node_name = "ProdBackward1"
prod_dim.vjp(_prod_grad)


def _arg(f: Any) -> Any:
    def run(x: Any, dim: int, keepdim: bool) -> Any:
        if x.shape[dim] == 0:
            raise IndexError(f"max(): Expected reduction dim {dim} to have non-zero size.")
        indices = f(x, dim)
        expanded = np.expand_dims(indices, dim)
        values = np.take_along_axis(x, expanded, dim)
        return (values, expanded) if keepdim else (values.squeeze(dim), indices)
    return run


@op(r"\max_{d} {x}", name="max", aux=("indices",), grad_tex=r"\bar{x}_{i} = \bar{y}\,[i = \operatorname{argmax}]")
def max_dim(x: Any, dim: int, keepdim: bool) -> Any:
    return _arg(np.argmax)(x, dim, keepdim)


@op(r"\min_{d} {x}", name="min", aux=("indices",), grad_tex=r"\bar{x}_{i} = \bar{y}\,[i = \operatorname{argmin}]")
def min_dim(x: Any, dim: int, keepdim: bool) -> Any:
    return _arg(np.argmin)(x, dim, keepdim)


def put_along(g: Any, shape: Any, dim: int, keepdim: bool, indices: Any) -> Any:
    """Zeros with `g` at the places that were chosen along `dim`."""
    from .creation import zeros_of
    from .index import scatter_add

    if not keepdim:
        one = kept(shape, (dim,))
        g, indices = reshape(g, one), indices.reshape(one)
    return scatter_add(zeros_of(g, shape), dim, indices, g)


max_dim.vjp(lambda g, x_shape, dim, keepdim, indices: put_along(g, x_shape, dim, keepdim, indices))
min_dim.vjp(lambda g, x_shape, dim, keepdim, indices: put_along(g, x_shape, dim, keepdim, indices))
scalar_too(max_dim)
scalar_too(min_dim)


def _even(g: Any, x: Any, y: Any, dims: Dims) -> Any:
    """The gradient of an extreme value, shared evenly by all places that attain it."""
    mask = x == reshape(y, kept(x.shape, dims))
    share = mask / sum_dim(mask, dims, True)
    return share * reshape(g, kept(x.shape, dims))


def even_of_all(g: Any, x: Any, y: Any, dims: Dims) -> Any:
    """The same where everything was reduced; an infinite gradient is nothing to the others, and NaN wins."""
    mask = (x == y) | (x != x)
    return let(spread(reshape(g, kept(x.shape, dims)) / sum_dim(mask, dims, True), x.shape, dims), mask)


def _extreme(reduce: Any, label: str) -> Any:
    def forward(x: Any, dims: Dims, keepdim: bool) -> Any:
        if x.size == 0 and (label in ("max", "min") or any(x.shape[d] == 0 for d in dims)):
            raise IndexError(f"{label}(): Expected reduction dim to be specified for input.numel() == 0. "
                             "Specify the reduction dim with the 'dim' argument.")
        return reduce(x, dims, keepdim)
    return forward


_TIES = r"\bar{x}_{i} = \frac{\bar{y}}{m}\,[x_i = y],\quad m \text{ ties}"
max_all = op(r"\max {x}", name="max_all", node="Max", grad_tex=_TIES)(_extreme(ar.largest, "max")).vjp(even_of_all)
min_all = op(r"\min {x}", name="min_all", node="Min", grad_tex=_TIES)(_extreme(ar.smallest, "min")).vjp(even_of_all)
amax = op(r"\max_{d} {x}", name="amax", grad_tex=_TIES)(_extreme(ar.largest, "amax")).vjp(_even)
amin = op(r"\min_{d} {x}", name="amin", grad_tex=_TIES)(_extreme(ar.smallest, "amin")).vjp(_even)
max_all.op.node_name, min_all.op.node_name = "MaxBackward1", "MinBackward1"


@op(r"\operatorname{Var}({x})", name="var", grad_tex=r"\bar{x} = \bar{y}\,\frac{2\,(x - \mu)}{n - c}")
def var(x: Any, dims: Dims, correction: float, keepdim: bool) -> Any:
    n = _size([x.shape[d] for d in dims])
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = x - np.add.reduce(x, dims, None, None, True) / x.dtype.type(n)
        return np.add.reduce(centred * centred, dims, None, None, keepdim) / x.dtype.type(max(n - correction, 0))


def _var_grad(g: Any, x: Any, dims: Dims, correction: float) -> Any:
    n = _size([x.shape[d] for d in dims])
    return reshape(g, kept(x.shape, dims)) * (2.0 / (n - correction)) * (x - mean_dim(x, dims, True))


var.vjp(_var_grad)


@op(r"\operatorname{Std}({x})", name="std", grad_tex=r"\bar{x} = \bar{y}\,\frac{x - \mu}{(n - c)\,y}")
def std(x: Any, dims: Dims, correction: float, keepdim: bool) -> Any:
    return np.sqrt(var.op.forward(x, dims, correction, keepdim))


def _std_grad(g: Any, x: Any, y: Any, dims: Dims, correction: float) -> Any:
    n = _size([x.shape[d] for d in dims])
    y = reshape(y, kept(x.shape, dims))
    return reshape(g, kept(x.shape, dims)) / y * (1.0 / (n - correction)) * (x - mean_dim(x, dims, True))


std.vjp(_std_grad)


@op(r"\log \sum \exp({x})", name="logsumexp", grad_tex=r"\bar{x} = \bar{y} \odot e^{x - y}")
def logsumexp(x: Any, dims: Dims, keepdim: bool) -> Any:
    top = ar.largest(x.real if x.dtype.kind == "c" else x, dims)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype, copy=False)
    with np.errstate(divide="ignore"):
        y = np.log(np.add.reduce(np.exp(x - top), dims, None, None, True)) + top
    return y if keepdim else y.reshape([s for i, s in enumerate(x.shape) if i not in dims])


logsumexp.vjp(lambda g, x, y, dims: reshape(g, kept(x.shape, dims)) * exp(x - reshape(y, kept(x.shape, dims))))


@op(r"\lVert {x} \rVert_{p}", name="norm", node="LinalgVectorNorm",
    grad_tex=r"\bar{x} = \bar{y}\,\frac{x\,|x|^{p-2}}{y^{p-1}}")
def norm(x: Any, p: float, dims: Dims, keepdim: bool) -> Any:
    if x.dtype.kind == "c":
        return np.sqrt(np.add.reduce(x.real ** 2 + x.imag ** 2, dims, None, None, keepdim)) if p == 2 else norm.op.forward(np.abs(x), p, dims, keepdim)
    if p == 2:
        return np.sqrt(np.add.reduce(x * x, dims, None, None, keepdim))
    a = np.abs(x)
    if p == np.inf:
        return ar.largest(a, dims, keepdim)
    if p == -np.inf:
        return ar.smallest(a, dims, keepdim)
    if p == 0:
        return np.add.reduce(x != 0, dims, x.dtype, None, keepdim)
    if p == 1:
        return np.add.reduce(a, dims, None, None, keepdim)
    return np.add.reduce(a ** p, dims, None, None, keepdim) ** (1 / p)


def _norm_grad(g: Any, x: Any, y: Any, p: float, dims: Dims) -> Any:
    from .pointwise import abs as absolute
    from .pointwise import sign, where

    if not hasattr(x, "tex") and (x._array if hasattr(x, "_array") else x).dtype.kind == "c":
        from .api_products import sgn_op as sign
    one = kept(x.shape, dims)
    g, y = reshape(g, one), reshape(y, one)
    if p == 0:
        return x * 0
    if p == 1:
        return g * sign(x)
    if p in (np.inf, -np.inf):
        mask = absolute(x) == y
        return g * sign(x) * (mask / sum_dim(mask, dims, True))
    safe = where(y == 0, y * 0 + 1, y)                     # the subgradient at 0 is 0
    if p == 2:
        return g * (x / safe)
    share = absolute(x) / safe
    if p < 1:
        share = where(x == 0, share * 0 + 1, share)         # beside it the slope has no bound
    return g * sign(x) * share ** (p - 1)


norm.vjp(_norm_grad)
norm_old = op(norm.op.tex, name="norm_base", grad_tex=norm.op.grad_tex)(norm.op.forward).vjp(_norm_grad)
norm_old.op.node_name = "NormBackward1"                     # what PyTorch's older code still calls


@op(r"\operatorname{cumsum}({x})", name="cumsum", grad_tex=r"\bar{x}_i = \sum_{j \ge i} \bar{y}_j")
def cumsum(x: Any, dim: int) -> Any:
    return np.add.accumulate(x, dim, _sum_dtype(x)) if x.ndim else ar.as_array(x, _sum_dtype(x)).copy()


def _reverse_cumsum(g: Any, dim: int) -> Any:
    from .shape import flip

    if not len(g.shape):
        return g
    return flip(cumsum(flip(g, (dim,)), dim), (dim,))


cumsum.vjp(lambda g, dim: _reverse_cumsum(g, dim))


@op(r"\operatorname{cumprod}({x})", name="cumprod", grad_tex=r"\bar{x}_i = \sum_{j \ge i} \bar{y}_j\,\frac{y_j}{x_i}")
def cumprod(x: Any, dim: int) -> Any:
    return np.multiply.accumulate(x, dim, _sum_dtype(x)) if x.ndim else ar.as_array(x, _sum_dtype(x)).copy()


def _cumprod_grad(g: Any, x: Any, y: Any, dim: int) -> Any:
    from .pointwise import where

    if not len(x.shape):
        return g
    # y_j / x_i is exact while x_i is not 0; where x holds zeros the derivative is summed term by term
    if not np.any((x._array if hasattr(x, "_array") else x) == 0):
        return _reverse_cumsum(g * y, dim) / x
    from .shape import cat, slice_dim

    n = x.shape[dim]
    parts = []
    for i in range(n):
        xi = slice_dim(x, dim, i, i + 1, 1)
        before = slice_dim(y, dim, i - 1, i, 1) if i else xi * 0 + 1
        tail = cat((before, slice_dim(x, dim, i + 1, n, 1)), dim)
        parts.append(sum_dim(slice_dim(g, dim, i, n, 1) * cumprod(tail, dim), (dim,), True))
    return cat(tuple(parts), dim) + where(x == 0, x * 0, x * 0)


cumprod.vjp(_cumprod_grad)


@op(r"\operatorname{argmax}({x})", name="argmax")
def argmax(x: Any, dim: int | None, keepdim: bool) -> Any:
    return np.asarray(np.argmax(x, dim, keepdims=keepdim)) if isinstance(x, np.ndarray) else x.argmax(dim, keepdims=keepdim)


@op(r"\operatorname{argmin}({x})", name="argmin")
def argmin(x: Any, dim: int | None, keepdim: bool) -> Any:
    return np.asarray(np.argmin(x, dim, keepdims=keepdim)) if isinstance(x, np.ndarray) else x.argmin(dim, keepdims=keepdim)


@op(r"\forall {x}", name="all")
def all_dim(x: Any, dims: Dims, keepdim: bool) -> Any:
    return np.all(x, axis=dims, keepdims=keepdim)


@op(r"\exists {x}", name="any")
def any_dim(x: Any, dims: Dims, keepdim: bool) -> Any:
    return np.any(x, axis=dims, keepdims=keepdim)


def default_float(x: Any) -> Any:
    return x.astype(dt.get_default_dtype().dtype) if x.dtype.kind in "biu" else x
