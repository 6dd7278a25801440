"""PyTorch's signatures for running reductions, order statistics, differences and integrals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.device import module_of
from ..core.op import run
from ..core.pointwise import apart, of_dtype
from ..core.tensor import Tensor, wrap
from . import index as ix
from . import order as od
from . import pointwise as pw
from . import reduce as rd
from . import scan, shape
from .api_index import copied
from .api_pointwise import lerp
from .api_reduce import _axis, _cast, _moments, mean, sort, sum
from .api_shape import cat, dim_of, dims_of, reshape
from .numbers import div_number, mul_number
from .returned import named
from .strided import squeeze_written

_Pairs: dict[str, Any] = {n: named(n, "values", "indices") for n in ("cummax", "cummin", "kthvalue", "median", "nanmedian", "mode")}
_Pairs["aminmax"] = named("aminmax", "min", "max")


def _chosen(name: str, o: Any, input: Tensor, params: tuple[Any, ...], dim: int, keepdim: bool | None) -> Any:
    """(values, indices) of an op that finds its indices itself."""
    d = dim_of(dim, input._array.ndim)
    if input._array.ndim and not input._array.shape[d]:
        raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
    values = o(input, *params, d, keepdim) if keepdim is not None else o(input, *params, d)
    node = values._node
    if node is not None:
        indices = node.saved[node.plan.names.index("indices")]
    else:
        indices = od.places_of(values._array, lambda: o.op.forward(input._array, *params, d, *(() if keepdim is None else (keepdim,)))[1])
    return _Pairs[name](values, wrap(indices))


def cummax(input: Tensor, dim: int, *, out: Any = None) -> Any:
    """(values, indices) of the largest element so far along `dim`."""
    dim_of(dim, input._array.ndim)
    if not input._array.size:
        return pw.given_all(_Pairs["cummax"](pw.clone(input), wrap(np.zeros_like(input._array, np.int64))), out)
    return pw.given_all(_chosen("cummax", scan.cummax, input, (), dim, None), out)


def cummin(input: Tensor, dim: int, *, out: Any = None) -> Any:
    """(values, indices) of the smallest element so far along `dim`."""
    dim_of(dim, input._array.ndim)
    if not input._array.size:
        return pw.given_all(_Pairs["cummin"](pw.clone(input), wrap(np.zeros_like(input._array, np.int64))), out)
    return pw.given_all(_chosen("cummin", scan.cummin, input, (), dim, None), out)


def logcumsumexp(input: Tensor, dim: int, *, out: Any = None) -> Tensor:
    """log(cumsum(exp(input))) along `dim`."""
    d = dim_of(dim, input._array.ndim)
    return pw.given(scan.logcumsumexp(input, d), out)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """(value, index) of the k-th smallest element along `dim`."""
    d = dim_of(dim, input._array.ndim)
    n = input._array.shape[d] if input._array.ndim else 1
    if n and not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {d}")
    for one in out or ():
        apart(one, input)
    return pw.given_all(_chosen("kthvalue", scan.kthvalue, input, (k,), dim, keepdim), out)


def median(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None, **named: Any) -> Any:
    """The lower median; with `dim`, (values, indices)."""
    dim = _axis(dim, named)
    return pw.given(scan.median_all(input), out) if dim is None else pw.given_all(_chosen("median", scan.median_dim, input, (), dim, keepdim), out)


def nanmedian(input: Tensor, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The lower median of what is not nan; with `dim`, (values, indices)."""
    return pw.given(scan.nanmedian_all(input), out) if dim is None else pw.given_all(_chosen("nanmedian", scan.nanmedian_dim, input, (), dim, keepdim), out)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """(values, indices) of the most frequent element along `dim`."""
    return pw.given_all(_chosen("mode", scan.mode_dim, input, (), dim, keepdim), out)


def msort(input: Tensor, *, out: Any = None) -> Tensor:
    """Sorted along the first dimension."""
    return pw.given(sort(input, 0)[0], out)


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """The sum of what is not nan."""
    return pw.given(scan.nansum(_cast(input, dtype), dims_of(dim, input._array.ndim), keepdim), out)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None) -> Tensor:
    """The mean of what is not nan."""
    if input.dtype.category < 2:
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype.tensor_name}")
    count = sum(pw.logical_not(pw.isnan(input.detach())), dim, keepdim)
    return pw.given(pw.div(nansum(input, dim, keepdim, dtype=dtype), count), out)


def var_mean(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = 1, **named: Any) -> Any:
    """(variance, mean) in one pass."""
    return run(scan.var_mean.op, (input,), _moments(input, _axis(dim, named), unbiased, keepdim, correction))


def std_mean(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = 1, **named: Any) -> Any:
    """(standard deviation, mean) in one pass."""
    return run(scan.std_mean.op, (input,), _moments(input, _axis(dim, named), unbiased, keepdim, correction))


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Any:
    """(smallest, largest) element, over all or one dimension."""
    n = input._array.ndim
    if input._array.size == 0 and dim is None:
        raise RuntimeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
    dims = tuple(range(n)) if dim is None else (dim_of(dim, n),) if n else ()
    if dims and dim is not None and not input._array.shape[dims[0]]:
        raise IndexError(f"aminmax(): Expected reduction dim {dims[0]} to have non-zero size.")
    for one in out or ():
        of_dtype(one, input)
    return pw.given_all(_Pairs["aminmax"](*run(scan.aminmax.op, (input,), (dims, keepdim))), out)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other."""
    return run(scan.dist.op, (input, other), (float(p),))


def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Any = None) -> Tensor:
    """Slices along `dim` whose p-norm exceeds `maxnorm`, scaled down to it."""
    if p <= 0:
        raise RuntimeError("non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input._array.ndim < 2:
        raise RuntimeError(f"input needs at least 2 dimensions, got {input._array.ndim} dimensions")
    return pw.given(scan.renorm(input, float(p), dim_of(dim, input._array.ndim), float(maxnorm)), out)


def _quantile(input: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, ignore_nan: bool, name: str) -> Tensor:
    if input.dtype not in (dt.float32, dt.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if input._array.size == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}")
    if isinstance(q, Tensor):
        if q._array.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
        if q._array.dtype != input._array.dtype:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    else:
        q = wrap(module_of(input._array).asarray(q, input._array.dtype))
    if q._array.size and not ((q._array >= 0) & (q._array <= 1)).all():
        raise RuntimeError(f"{name}() q {'values must be' if q._array.ndim else 'must be'} in the range [0, 1]")
    n = input._array.ndim
    d = 0 if dim is None else dim_of(dim, max(n, 1))
    rows = reshape(input, (-1,)) if dim is None else input if d == n - 1 else shape.transpose(shape.unsqueeze(input, n), d, n)
    ordered = ix.sort(rows, rows._array.ndim - 1, False)
    lead = [1] * n if keepdim else []
    if dim is not None and n:
        lead = [1 if i == d else s for i, s in enumerate(input._array.shape) if keepdim or i != d]
    ordered = reshape(ordered, (*lead, -1))
    lane = ordered._array
    at, end = len(lead), lane.shape[-1] - 1
    nan = np.isnan(lane)
    last: Any = end if not ignore_nan else wrap(np.maximum((~nan).sum(-1, keepdims=True) - 1, 0).astype(lane.dtype))
    ranks = reshape(q, (-1,)) * last
    ranks = shape.expand(ranks, (*lead, q._array.size)) if lead else ranks
    if not ignore_nan and nan.any():
        ranks = pw.where(wrap(nan.any(-1, keepdims=True)), wrap(np.asarray(end, lane.dtype)), ranks)
    rank = _ROUNDED.get(interpolation, np.positive)(ranks._array)
    low = np.floor(rank)
    out = ix.gather(ordered, at, low.astype(np.int64))
    if interpolation in ("linear", "midpoint"):
        weight = wrap(np.full_like(rank, 0.5)) if interpolation == "midpoint" else ranks - wrap(low)
        out = lerp(out, ix.gather(ordered, at, np.ceil(rank).astype(np.int64)), weight)
    # the quantiles come first; a single one has no dimension of its own
    if q._array.ndim:
        out = shape.transpose(shape.unsqueeze(out, 0), 0, at + 1)
    return squeeze_written(out, (out._array.ndim - 1,))


_ROUNDED: dict[str, Any] = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}


def quantile(input: Tensor, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear", out: Any = None) -> Tensor:
    """The q-th quantiles, over all elements or along `dim`."""
    return pw.given(_quantile(input, q, dim, keepdim, interpolation, False, "quantile"), out)


def nanquantile(input: Tensor, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear", out: Any = None) -> Tensor:
    """The q-th quantiles of what is not nan."""
    return pw.given(_quantile(input, q, dim, keepdim, interpolation, True, "nanquantile"), out)


# -- differences and integrals ---------------------------------------------------------------------------------------------------------------


def _cut(t: Tensor, dim: int, start: int, stop: int) -> Tensor:
    n = t._array.shape[dim]
    return shape.slice_dim(t, dim, min(start, n), max(min(start, n), n + stop if stop <= 0 else min(stop, n)), 1)


def diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None, *, out: Any = None) -> Tensor:
    """n-th differences of neighbours along `dim`."""
    if not input._array.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    d = dim_of(dim, input._array.ndim)
    for other in (prepend, append):
        if other is not None and other._array.ndim != input._array.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    if n == 0:
        return pw.given(copied(wrap(np.empty_like(input._array)), input), out)
    parts = [t for t in (prepend, input, append) if t is not None]
    t = cat(parts, d) if len(parts) > 1 else input
    for _ in range(min(n, t._array.shape[d])):
        a, b = _cut(t, d, 1, 0), _cut(t, d, 0, -1)
        t = pw.logical_xor(a, b) if t.dtype is dt.bool_ else pw.sub(a, b)
    return pw.given(t, out)


def _spaces(y: Tensor, x: Any, dx: Any, d: int) -> Any:
    if x is None:
        return dx
    if not x._array.ndim:
        raise RuntimeError("trapezoid: There must be one `x` value for each sample point")
    if x._array.ndim == 1 and x._array.shape[0] != y._array.shape[d]:
        raise RuntimeError("trapezoid: There must be one `x` value for each sample point")
    if x._array.ndim == 1:
        step = diff(x)
        return reshape(step, (-1,) + (1,) * (y._array.ndim - d - 1))
    return diff(x, dim=x._array.ndim - (y._array.ndim - d))


def trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral of samples along `dim` by the trapezoidal rule."""
    if not y._array.ndim:
        raise IndexError("trapezoid: y must have at least one dimension")
    d = dim_of(dim, y._array.ndim)
    if not y._array.shape[d]:
        return wrap(module_of(y._array).zeros([s for i, s in enumerate(y._array.shape) if i != d], y._array.dtype))
    if x is None and isinstance(dx, (int, float)):
        ends = (_cut(y, d, 0, 1 - y._array.shape[d]) + _cut(y, d, y._array.shape[d] - 1, 0)).squeeze(d)
        return mul_number(sum(y, d) - ends / 2.0, dx)
    spaces = _spaces(y, x, dx, d)
    return div_number(sum((_cut(y, d, 0, -1) + _cut(y, d, 1, 0)) * spaces, d), 2.0)


def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral up to each sample along `dim` by the trapezoidal rule."""
    d = dim_of(dim, y._array.ndim)
    spaces = _spaces(y, x, dx, d)
    pairs = _cut(y, d, 0, -1) + _cut(y, d, 1, 0)
    if x is None and isinstance(dx, (int, float)):
        return rd.cumsum(pairs * (dx / 2.0), d)
    return div_number(rd.cumsum(pairs * spaces, d), 2.0)


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> list[Tensor]:
    """Second-order estimates of the slope along dimensions; at the edges of first or second order."""
    n = input._array.ndim
    spacing = 1 if spacing is None else spacing
    if dim is None:
        dims = list(range(n))
    else:
        dims = [dim_of(d, n) for d in (dim if isinstance(dim, (list, tuple)) else (dim,))]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {next(d for d in dims if dims.count(d) > 1)} appears multiple times in the list of dims")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    steps = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(steps) != len(dims) and dim is not None:
        raise RuntimeError("torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same length, but got a spacing argument of "
                           f"length {len(steps)} and a dim argument of length {len(dims)}.")
    if len(steps) != len(dims):
        raise RuntimeError(f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = {n}', since dim "
                           f"argument was not given, but got a list of length {len(steps)}")
    out = []
    for d, h in zip(dims, steps, strict=True):
        if input._array.shape[d] < edge_order + 1:
            raise RuntimeError(f"torch.gradient expected each dimension size to be at least edge_order+1 (dimension {d} has {input._array.shape[d]})")
        out.append(_slope(input, d, h, edge_order))
    return out


def _slope(t: Tensor, d: int, h: Any, edge_order: int) -> Tensor:
    n = t._array.shape[d]
    def at(i: int) -> Tensor:
        return shape.slice_dim(t, d, i % n, i % n + 1, 1)
    if not isinstance(h, Tensor) or not h._array.ndim:
        middle = (_cut(t, d, 2, 0) - _cut(t, d, 0, -2)) / (h * 2)
        if edge_order == 1:
            return cat(((at(1) - at(0)) / h, middle, (at(-1) - at(-2)) / h), d)
        first = (at(0) * -1.5 + at(1) * 2 - at(2) * 0.5) / h
        return cat((first, middle, (at(-3) * 0.5 - at(-2) * 2 + at(-1) * 1.5) / h), d)
    step = reshape(diff(h), (-1,) + (1,) * (t._array.ndim - d - 1))
    a, b = _cut(step, 0, 0, -1), _cut(step, 0, 1, 0)
    middle = _cut(t, d, 0, -2) * (-b / (a * (a + b))) + _cut(t, d, 1, -1) * ((b - a) / (a * b)) + _cut(t, d, 2, 0) * (a / (b * (a + b)))
    def gap(i: int) -> Tensor:
        i %= n - 1
        return shape.slice_dim(step, 0, i, i + 1, 1)
    if edge_order == 1:
        return cat(((at(1) - at(0)) / gap(0), middle, (at(-1) - at(-2)) / gap(-1)), d)
    p, q, r, s = gap(0), gap(1), gap(-2), gap(-1)
    first = at(0) * (-(p * 2 + q) / (p * (p + q))) + at(1) * ((p + q) / (p * q)) + at(2) * (-p / (q * (p + q)))
    last = at(-3) * (s / (r * (r + s))) + at(-2) * (-(r + s) / (r * s)) + at(-1) * ((s * 2 + r) / (s * (r + s)))
    return cat((first, middle, last), d)


def cov(input: Tensor, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
    """The covariance matrix of the rows of `input`, optionally weighted."""
    from .api_linalg import matmul

    if input._array.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with {input._array.ndim} dimensions")
    if input.dtype is dt.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        if w._array.ndim > 1:
            raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w._array.ndim} dimensions")
        if (w._array.dtype.kind not in "iu") == (name == "fweights"):
            raise RuntimeError(f"cov(): expected {name} to have {'integral' if name == 'fweights' else 'floating point'} dtype but got {name} with "
                               f"{w.dtype.tensor_name} dtype")
        if w._array.size != (input._array.shape[-1] if input._array.ndim else 1):
            raise RuntimeError(f"cov(): expected {name} to have the same numel as there are observations in the input but got {w._array.size} != "
                               f"{input._array.shape[-1] if input._array.ndim else 1}")
        if (w._array < 0).any():
            raise RuntimeError(f"cov(): {name} cannot be negative")
    x = reshape(input, (1, -1)) if input._array.ndim < 2 else input
    if x.dtype.category < 2:
        x = x.to(dt.get_default_dtype())
    w = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    if w is None:
        centred = x - mean(x, 1, True)
        norm: Any = max(x._array.shape[1] - correction, 0)
        weighted = centred
    else:
        total = sum(w)
        centred = x - (sum(x * w, 1) / total).unsqueeze(1)
        norm = total - correction if aweights is None or correction == 0 else total - sum(w * aweights) / total * correction
        norm = pw.maximum(norm, norm * 0)
        weighted = centred * w
    c = matmul(weighted, centred.mH if x.dtype.is_complex else shape.transpose(centred, 0, 1)) / norm
    return c.squeeze()


def corrcoef(input: Tensor) -> Tensor:
    """The correlation matrix of the rows of `input`."""
    if input._array.ndim > 2:
        raise RuntimeError(f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input._array.ndim} dimensions")
    c = cov(input)
    if not c._array.ndim:
        return c / c
    s = pw.sqrt(c.diagonal())
    r = c / s.unsqueeze(1) / s.unsqueeze(0)
    return r if r.dtype.is_complex else r.clamp(-1, 1)
