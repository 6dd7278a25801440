"""PyTorch's signatures for searching, counting and finding what is distinct."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..core import arrays as ar
from ..core.device import module_of
from ..core.tensor import Tensor, wrap
from . import pointwise as pw
from .api_reduce import nonzero
from .api_shape import dim_of
from .returned import named

_Pairs: dict[str, Any] = {n: named(n, "hist", "bin_edges") for n in ("histogram", "histogramdd")}


def searchsorted(sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None, sorter: Any = None,
                 out: Any = None) -> Tensor:
    """Where elements would be inserted into a sorted line (or into the line of the same row)."""
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True")
    where_ = "right" if right or side == "right" else "left"
    line = sorted_sequence._array
    v = input._array if isinstance(input, Tensor) else np.asarray(input).astype(line.dtype)
    if not line.ndim:
        raise RuntimeError("torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1")
    if isinstance(input, Tensor) and v.dtype != line.dtype:
        raise RuntimeError("torch.searchsorted(): boundary tensor and input value tensor should have same dtype, but got boundary tensor dtype "
                           f"{sorted_sequence.dtype.tensor_name} and input value tensor dtype {input.dtype.tensor_name}")
    if line.ndim > 1 and line.shape[:-1] != v.shape[:-1]:
        raise RuntimeError("torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value "
                           f"tensor must match, but we got boundaries tensor {list(line.shape)} and input value tensor {list(v.shape)}")
    if sorter is not None:
        if sorter._array.shape != line.shape:
            raise RuntimeError(f"torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {list(line.shape)}and got sorter "
                               f"tensor {list(sorter._array.shape)}")
        if sorter._array.dtype != np.int64:
            raise RuntimeError(f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {sorter.dtype.tensor_name}")
        if line.size and (sorter._array.min() < 0 or sorter._array.max() >= line.shape[-1]):
            raise RuntimeError("torch.searchsorted(): sorter index out of range")
        line = np.take_along_axis(line, sorter._array, -1)
    kind = np.int32 if out_int32 else np.int64
    if line.ndim == 1:
        found = np.asarray(np.searchsorted(line, v, where_))
    else:
        many = int(np.prod(line.shape[:-1]))
        rows, values = line.reshape(many, line.shape[-1]), v.reshape(many, v.shape[-1])
        found = np.stack([np.searchsorted(a, b, where_) for a, b in zip(rows, values, strict=True)]).reshape(v.shape) if v.size else np.zeros(v.shape)
    return pw.given(wrap(found.astype(kind)), out)


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Any = None) -> Tensor:
    """The number of the bucket between `boundaries` into which each element falls."""
    if boundaries._array.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries._array.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is one of `test_elements`."""
    a, b = [t._array if isinstance(t, Tensor) else np.asarray(t) for t in (elements, test_elements)]
    return wrap(np.asarray(np.isin(a, b, assume_unique=assume_unique and a.ndim > 0, invert=invert)))


def argwhere(input: Tensor) -> Tensor:
    """Indices of the elements that are not zero, one a row."""
    return nonzero(input)


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """`nonzero` with so many rows: cut, or filled up."""
    found = nonzero(input)._array[:size]
    out = module_of(found).full((size, found.shape[1]), fill_value, np.int64)
    out[:len(found)] = found
    return wrap(out)


def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """The elements (or slices along `dim`) without repetitions of a neighbour."""
    a = input._array.reshape(-1) if dim is None else np.moveaxis(input._array, dim_of(dim, input._array.ndim), 0)
    flat = a if a.ndim == 1 else a.reshape(a.shape[0], a.size // max(a.shape[0], 1))
    new = module_of(flat).ones(len(flat), bool)
    differs = flat[1:] != flat[:-1]
    new[1:] = differs if a.ndim == 1 else differs.any(1)
    values = a[new]
    out = [wrap(ar.contiguous(values if dim is None else np.moveaxis(values, 0, dim_of(dim, input._array.ndim))))]
    if not return_inverse and not return_counts:
        return out[0]
    group = np.cumsum(new) - 1
    if return_inverse:
        out.append(wrap(group.reshape(input._array.shape) if dim is None else group))
    if return_counts:
        out.append(wrap(np.bincount(group, minlength=len(values)).astype(np.int64)))
    return tuple(out)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Coordinates of indices into a flattened tensor of a shape."""
    if indices._array.dtype.kind not in "iu":
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    dims = (shape,) if isinstance(shape, int) else tuple(int(s) for s in shape)
    if any(d < 0 for d in dims):
        raise ValueError(f"'shape' cannot have negative values, but got {dims}")
    rest, out = indices._array.astype(np.int64), []
    for d in reversed(dims):
        out.append(wrap(rest % d))
        rest = rest // d
    return tuple(reversed(out))


def histogram(input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(counts or densities, edges) of the elements."""
    a = input._array.reshape(-1)
    edges = bins._array if isinstance(bins, Tensor) else _edges(a, bins, range)
    hist, _ = np.histogram(a, edges, weights=None if weight is None else weight._array.reshape(-1), density=density)
    return _Pairs["histogram"](wrap(hist.astype(input._array.dtype)), wrap(edges.astype(input._array.dtype)))


def _edges(a: Any, bins: int, bounds: Any) -> Any:
    low, high = bounds if bounds is not None else (float(a.min()), float(a.max())) if a.size else (0.0, 1.0)
    if low == high:
        low, high = (low - 0.5, high + 0.5)
    return np.linspace(low, high, bins + 1).astype(a.dtype)


def _bin(edges: Any, x: Any) -> Any:
    """The bin of each number, found by halves: edges need not be in order; the last bin has its upper end."""
    if bool((edges[1:] >= edges[:-1]).all()):
        found = np.searchsorted(edges, x, "right")
    else:
        found, left = np.zeros(x.shape, np.int64), np.full(x.shape, len(edges))
        while left.any():
            half = left // 2
            after = (left > 0) & ~(x < edges[np.minimum(found + half, len(edges) - 1)])
            found, left = np.where(after, found + half + 1, found), np.where(after, left - half - 1, half)
    return np.minimum(found, len(edges) - 1) - 1


def histogramdd(input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(counts or densities, edges of each dimension) of points, one a row."""
    if input._array.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    n = input._array.shape[-1]
    a = input._array.reshape(-1, n)
    many = [bins] * n if isinstance(bins, int) else list(bins)
    if len(many) != n:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input." if not any(isinstance(b, Tensor) for b in many) else
                           f"torch.histogramdd: expected {n} sequences of bin edges for a {n}-dimensional histogram but got {len(many)}")
    if range is not None and len(range) != 2 * n:
        raise RuntimeError(f"torch.histogramdd: for a {n}-dimensional histogram range should have {2 * n} elements, but got {len(range)}")
    bounds = [None] * n if range is None else [(range[2 * i], range[2 * i + 1]) for i in builtins.range(n)]
    edges = [b._array if isinstance(b, Tensor) else _edges(a[:, i], int(b), bounds[i]) for i, b in enumerate(many)]
    inside = np.ones(len(a), bool)
    for x, e in zip(a.T, edges, strict=True):
        inside &= (x >= e[0]) & (x <= e[-1])
    size = tuple(len(e) - 1 for e in edges)
    place = np.ravel_multi_index([_bin(e, x) for x, e in zip(a[inside].T, edges, strict=True)], size) if 0 not in size else np.zeros(0, np.int64)
    weights = None if weight is None else weight._array.reshape(-1)[inside]
    hist = np.bincount(place, weights, math.prod(size)).reshape(size).astype(a.dtype)
    if density:
        hist /= hist.sum()
        for d, e in enumerate(edges):
            hist /= np.diff(e).reshape([-1 if i == d else 1 for i in builtins.range(n)])
    return _Pairs["histogramdd"](wrap(hist), tuple(wrap(e) for e in edges))


def is_same_size(input: Tensor, other: Tensor) -> bool:
    return bool(input._array.shape == other._array.shape)
