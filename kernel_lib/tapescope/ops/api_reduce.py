"""PyTorch's signatures for reductions, sorting and searching."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.arrays import as_array
from ..core.device import module_of
from ..core.op import run
from ..core.tensor import Tensor, wrap
from . import index as ix
from . import order as od
from . import pointwise as pw
from . import reduce as rd
from .api_shape import dim_of, dims_of
from .returned import named

_Pairs: dict[str, Any] = {n: named(n, "values", "indices") for n in ("max", "min", "sort", "topk")}


def _cast(t: Tensor, dtype: Any) -> Tensor:
    return t if dtype is None else t.to(dtype)


def _axis(dim: Any, named: dict[str, Any]) -> Any:
    unknown = set(named) - {"axis", "keepdims"}
    if unknown:
        raise TypeError(f"unexpected keyword argument {sorted(unknown)[0]!r}")
    return named.get("axis", dim)


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **named: Any) -> Tensor:
    """The sum over `dim` (all when None); integers and booleans add up as int64."""
    dim, keepdim = _axis(dim, named), named.get("keepdims", keepdim)
    input = _cast(input, dtype)
    if dim is None and not keepdim:
        return rd.sum_all(input)
    return rd.sum_dim(input, dims_of(dim, input._array.ndim), keepdim)


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, **named: Any) -> Tensor:
    dim, keepdim = _axis(dim, named), named.get("keepdims", keepdim)
    input = _cast(input, dtype)
    if input.dtype.category < 2:
        raise RuntimeError(f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a floating point or complex dtype. "
                           f"Got: {input.dtype.tensor_name}")
    if dim is None and not keepdim:
        return rd.mean_all(input)
    return rd.mean_dim(input, dims_of(dim, input._array.ndim), keepdim)


def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    input = _cast(input, dtype)
    made: Tensor = (rd.prod if dim is None else rd.prod_dim)(input, dims_of(dim, input._array.ndim), keepdim)
    return made if dtype is None else _cast(made, dtype)     # small integers are multiplied as int64


def _extreme(input: Tensor, which: str, args: tuple[Any, ...], dim: Any, keepdim: bool, named: dict[str, Any]) -> Any:
    dim, keepdim = _axis(dim, named), named.get("keepdims", keepdim)
    if args:
        if isinstance(args[0], Tensor) or not isinstance(input, Tensor):
            return (pw.maximum if which == "max" else pw.minimum)(input, args[0])
        dim, keepdim = args[0], args[1] if len(args) > 1 else keepdim
    if dim is None:
        f = rd.max_all if which == "max" else rd.min_all
        if input._array.size == 0:
            raise RuntimeError(f"{which}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.")
        return f(input, tuple(range(input._array.ndim)), False)
    d = dim_of(dim, input._array.ndim)
    values = (rd.max_dim if which == "max" else rd.min_dim)(input, d, keepdim)
    return _Pairs[which](values, _indices(values, input, which, d, keepdim))


def _indices(values: Tensor, input: Tensor, which: str, d: int, keepdim: bool) -> Tensor:
    node = values._node
    if node is not None:
        return wrap(node.saved[node.plan.names.index("indices")])
    if not input._array.ndim:
        return wrap(np.zeros((), np.int64))
    return wrap((np.argmax if which == "max" else np.argmin)(input._array, d, keepdims=keepdim))


def max(input: Tensor, *args: Any, dim: Any = None, keepdim: bool = False, **named: Any) -> Any:
    """The largest element; with `dim`, (values, indices); with another tensor, the elementwise maximum."""
    if "other" in named:
        return pw.maximum(input, named.pop("other"))
    return _extreme(input, "max", args, dim, keepdim, named)


def min(input: Tensor, *args: Any, dim: Any = None, keepdim: bool = False, **named: Any) -> Any:
    """The smallest element; with `dim`, (values, indices); with another tensor, the elementwise minimum."""
    if "other" in named:
        return pw.minimum(input, named.pop("other"))
    return _extreme(input, "min", args, dim, keepdim, named)


def _over(f: Any, input: Tensor, dim: Any, keepdim: bool, out: Any) -> Tensor:
    if not input._array.size and (dim is None or dim == ()):
        raise RuntimeError(f"{f.op.name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.")
    for d in dim if isinstance(dim, (tuple, list)) else () if dim is None else (dim,):
        if input._array.ndim and not input._array.shape[dim_of(d, input._array.ndim)]:
            raise IndexError(f"{f.op.name}(): Expected reduction dim {d} to have non-zero size.")
    if out is not None and out._array.dtype != input._array.dtype:
        raise RuntimeError(f"Expected the dtype for input and out to match, but got {input.dtype.tensor_name} for input's dtype and {out.dtype.tensor_name} for out's dtype.")
    return pw.given(f(input, dims_of(dim, input._array.ndim), keepdim), out)


def amax(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Tensor:
    return _over(rd.amax, input, dim, keepdim, out)


def amin(input: Tensor, dim: Any = (), keepdim: bool = False, *, out: Any = None) -> Tensor:
    return _over(rd.amin, input, dim, keepdim, out)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, **named: Any) -> Tensor:
    dim = _axis(dim, named)
    return rd.argmax(input, None if dim is None else dim_of(dim, input._array.ndim) if input._array.ndim else None, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, **named: Any) -> Tensor:
    dim = _axis(dim, named)
    return rd.argmin(input, None if dim is None else dim_of(dim, input._array.ndim) if input._array.ndim else None, keepdim)


def _moments(input: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> tuple[Any, float, bool]:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if isinstance(unbiased, bool):
        correction = 1 if unbiased else 0
    return dims_of(dim, input._array.ndim), 1 if correction is None else correction, keepdim


def var(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = 1, **named: Any) -> Tensor:
    """Variance with Bessel's correction by default (divides by n - correction)."""
    return rd.var(input, *_moments(input, _axis(dim, named), unbiased, keepdim, correction))


def std(input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = 1, **named: Any) -> Tensor:
    """Standard deviation with Bessel's correction by default."""
    return rd.std(input, *_moments(input, _axis(dim, named), unbiased, keepdim, correction))


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    return rd.logsumexp(input, dims_of(dim, input._array.ndim), keepdim)


def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None, *, out: Any = None) -> Tensor:
    """The p-norm of the elements (over `dim`); "nuc" is the sum of the singular values."""
    if p == "nuc":
        from .api_linalg_spectral import matrix_norm

        return pw.given(matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype), out)
    order = 2.0 if p in ("fro", None) else float(p)
    return pw.given(rd.norm(_cast(input, dtype), order, dims_of(dim, input._array.ndim), keepdim), out)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, out: Any = None) -> Tensor:
    return pw.given(_cast(rd.cumsum(_cast(input, dtype), dim_of(dim, input._array.ndim)), dtype), out)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, out: Any = None) -> Tensor:
    return pw.given(_cast(rd.cumprod(_cast(input, dtype), dim_of(dim, input._array.ndim)), dtype), out)


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    return rd.all_dim(input, dims_of(dim, input._array.ndim), keepdim)


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    return rd.any_dim(input, dims_of(dim, input._array.ndim), keepdim)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = None) -> Any:
    """(values, indices) in order along `dim`; equal elements always stay as they stood."""
    d = dim_of(dim, input._array.ndim)
    values = (ix.sort if stable is None else ix.sort_asked)(input, d, descending)
    return _Pairs["sort"](values, wrap(od.places_of(values._array, lambda: od.order(input._array, d, descending))))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    return wrap(od.order(input._array, dim_of(dim, input._array.ndim), descending))


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) along `dim`, with indices."""
    d = dim_of(dim, input._array.ndim)
    if not 0 <= k <= (input._array.shape[d] if input._array.ndim else 1):
        raise RuntimeError("selected index k out of range")
    values = ix.topk(input, k, d, largest)
    return _Pairs["topk"](values, wrap(od.places_of(values._array, lambda: ix.topk.op.forward(input._array, k, d, largest)[1])))


def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """The distinct elements, in order."""
    found = np.unique(input._array, return_inverse=True, return_counts=True, axis=dim)
    out = [wrap(found[0])]
    if return_inverse:
        out.append(wrap(found[1].reshape(input._array.shape) if dim is None else found[1]))
    if return_counts:
        out.append(wrap(found[2]))
    return out[0] if len(out) == 1 else tuple(out)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Indices of the elements that are not zero."""
    found = np.nonzero(np.atleast_1d(input._array))
    return tuple(wrap(f) for f in found) if as_tuple else wrap(np.stack(found, 1) if input._array.ndim else module_of(found[0]).zeros((len(found[0]), 0), np.int64))


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    return run(rd.sum_dim.op, (pw.ne(input, 0),), (dims_of(dim, input._array.ndim), False))


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    return wrap(np.bincount(input._array, None if weights is None else weights._array, minlength))


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Any = None) -> Tensor:
    """How many elements lie in each of `bins` equal parts of [min, max], or of what they span."""
    a = input._array
    if a.dtype.kind in "biu":
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{input.dtype.tensor_name}'")
    low, high = (min, max) if min != max or not a.size else (float(a.min()), float(a.max()))
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low == high:
        low, high = low - 1, high + 1
    return pw.given(wrap(np.histogram(a, bins, (low, high))[0].astype(a.dtype)), out)


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    for position, (name, t) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(t, Tensor):
            raise TypeError(f"isclose(): argument '{name}' (position {position}) must be Tensor, not {type(t).__name__}")
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"{'rtol' if rtol < 0 else 'atol'} must be greater than or equal to zero, but got {rtol if rtol < 0 else atol}")
    if input._array.dtype != other._array.dtype:
        raise RuntimeError(f"{input.dtype.tensor_name} did not match {other.dtype.tensor_name}")
    return wrap(as_array(np.isclose(input._array, other._array, rtol, atol, equal_nan)))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether |input - other| <= atol + rtol * |other| everywhere."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._array.all())


def equal(input: Tensor, other: Tensor) -> bool:
    return input._array.shape == other._array.shape and bool(np.array_equal(input._array, other._array))


def numel(input: Tensor) -> int:
    return math.prod(input._array.shape)


def is_floating_point(input: Tensor) -> bool:
    return input.dtype.is_floating_point


def result_type(a: Any, b: Any) -> dt.dtype:
    return dt.result_type(*[x._array if isinstance(x, Tensor) else x for x in (a, b)])
