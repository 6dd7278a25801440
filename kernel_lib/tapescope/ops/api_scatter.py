"""PyTorch's signatures for writing at indices, each checked before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.dtype import stored
from ..core.op import run
from ..core.pointwise import apart
from ..core.tensor import Tensor, wrap
from . import index as ix
from . import scatter as sc
from . import strided as st
from .api_index import _in_range, _index, _plain
from .api_shape import dim_of
from .pointwise import given


def _line_of(input: Tensor, dim: int, index: Any, name: str) -> tuple[int, Any]:
    d, i = dim_of(dim, input._array.ndim), _index(index, name)
    if i.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but got dim: {i.ndim} with type: {index.dtype.tensor_name} and size: {list(i.shape)}")
    n = input._array.shape[d] if input._array.ndim else 1
    if i.size and (i.min() < -n or i.max() >= n):
        raise IndexError(f"{name}(): index out of range in self: {int(i.max())} is not below {n}, the size of dimension {d}")
    return d, np.where(i < 0, i + n, i)


def _source(input: Tensor, source: Any, d: int, i: Any, name: str) -> Tensor:
    if not isinstance(source, Tensor):
        raise TypeError(f"{name}(): argument 'source' must be Tensor, not {type(source).__name__}")
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(f"{name}(): self and source expected to have the same dtype, but got (self) {input.dtype.tensor_name} and (source) "
                           f"{source.dtype.tensor_name}")
    a, b = input._array.shape, source._array.shape
    if name == "index_add" and a and b and (len(a) != len(b) or any(p != q for k, (p, q) in enumerate(zip(a, b, strict=True)) if k != d)):
        raise RuntimeError(f"source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {list(a)} source.shape = {list(b)}")
    if b and (b[d] if len(b) > d else 1) != i.size:
        size = b[d] if len(b) > d else 1
        if name == "index_add":
            raise RuntimeError(f"index_add_(): Number of indices ({i.size}) should be equal to source.size(dim): ({size}), for dim: {d}")
        raise IndexError(f"{name}(): Number of indices ({i.size}) should be equal to source.size(dim) ({size}), dim {d}")
    if a and b and (len(a) != len(b) or any(p != q for k, (p, q) in enumerate(zip(a, b, strict=True)) if k != d)):
        raise IndexError(f"{name}(): source/destination tensor must have same slice shapes. Destination slice "
                         f"shape: {list(a)} at dimension {d} and source slice shape: {list(b)}")
    return source


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """`input` with alpha * source added to the slices that `index` names along `dim`."""
    d, i = _line_of(input, dim, index, "index_add")
    return given(run(sc.index_add.op, (input, _source(input, source, d, i, "index_add")), (d, i, stored(alpha, input.dtype))), out)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Any = None) -> Tensor:
    """`input` with the slices that `index` names along `dim` replaced by those of `source`."""
    d, i = _line_of(input, dim, index, "index_copy")
    return given(run(sc.index_copy.op, (input, _source(input, source, d, i, "index_copy")), (d, i)), out)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """`input` with one value in the slices that `index` names along `dim`."""
    d, i = _line_of(input, dim, index, "index_fill")
    if not isinstance(value, Tensor):
        return sc.index_fill(input, d, i, value)
    if value._array.ndim:
        raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._array.ndim} dimension(s).")
    return run(sc.index_fill_tensor.op, (input, value), (d, i))


def index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True, out: Any = None) -> Tensor:
    """`input` with the slices of `source` combined into those that `index` names: by "prod", "mean", "amax" or "amin"."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either prod, mean, amax or amin, got {reduce}.")
    d, i = _line_of(input, dim, index, "index_reduce")
    s = _source(input, source, d, i, "index_reduce")
    n = s._array.ndim
    places = np.broadcast_to(i.reshape((1,) * d + (-1,) + (1,) * (n - d - 1)), s._array.shape) if n else i.reshape(())
    return given(run(sc.index_reduce.op, (input, s), (d, places, reduce, include_self)), out)


def scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True, out: Any = None) -> Tensor:
    """`input` with the elements of `src` combined at `index` along `dim`: by "sum", "prod", "mean", "amax" or "amin"."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    d, i = places(input, dim, index, src, "scatter")
    return given(run(sc.scatter_reduce.op, (input, src), (d, i, reduce, include_self)), out)


def places(input: Tensor, dim: int, index: Any, src: Any, name: str) -> tuple[int, Any]:
    """Dimension and indices of a scatter, checked as PyTorch checks them."""
    d, i = dim_of(dim, input._array.ndim), _index(index, name)
    a = input._array.shape
    if i.size == 0:
        return d, i
    if max(i.ndim, 1) != max(len(a), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if isinstance(src, Tensor):
        s = src._array.shape
        if src._array.dtype != input._array.dtype:
            raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype (self is {input.dtype}, src is {src.dtype})")
        if max(len(s), 1) != max(i.ndim, 1):
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        bad = any(p > q for p, q in zip(i.shape, s, strict=False)) or any(p > q for k, (p, q) in enumerate(zip(i.shape, a, strict=False)) if k != d)
        if bad:
            raise RuntimeError(f"Expected index {list(i.shape)} to be no larger than self {list(a)} apart from dimension {d} and to be no larger size than "
                               f"src {list(s)}")
    elif any(p > q for k, (p, q) in enumerate(zip(i.shape, a, strict=False)) if k != d):
        raise RuntimeError(f"Expected index {list(i.shape)} to be no larger than self {list(a)} apart from dimension {d}")
    _in_range(i, a[d] if a else 1, name, d)
    return d, i


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `values` written (or added) at a tuple of index tensors."""
    key = tuple(slice(None) if k is None else _plain(k) for k in indices)
    if not isinstance(values, Tensor):
        raise TypeError(f"index_put(): argument 'values' must be Tensor, not {type(values).__name__}")
    if values._array.dtype != input._array.dtype:
        raise RuntimeError(f"Index put requires the source and destination dtypes match, got {input.dtype.tensor_name} for the destination and "
                           f"{values.dtype.tensor_name} for the source.")
    if len(key) > max(input._array.ndim, 1) and all(getattr(k, "dtype", None) != np.dtype(bool) for k in key):
        raise IndexError(f"too many indices for tensor of dimension {input._array.ndim} (got {len(key)})")
    return run(ix.index_put.op, (input, values), (key, accumulate))


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `source` written at indices into its elements in order of memory."""
    i = _flat(input, index, "put")
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(f"put_(): Expected input and source to have the same dtype, but got self.dtype = {input.dtype.tensor_name} and source.dtype = "
                           f"{source.dtype.tensor_name}")
    if source._array.size != i.size:
        raise RuntimeError(f"put_(): Expected source and index to have the same number of elements, but got source.numel() = {source._array.size}, "
                           f"index.numel() = {i.size}")
    return run(sc.put.op, (input, source), (i, accumulate))


def take(input: Tensor, index: Tensor, *, out: Any = None) -> Tensor:
    """The elements at indices into `input` in order of memory, in the shape of `index`."""
    apart(out, input, index)
    return given(sc.take_flat(input, _flat(input, index, "take")), out)


def _flat(input: Tensor, index: Any, name: str) -> Any:
    if not isinstance(index, Tensor) or index._array.dtype != np.int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {getattr(index, 'dtype', type(index).__name__)}")
    i, n = index._array, input._array.size
    if i.size and not n:
        raise IndexError(f"{name}(): tried to {name} elements from an empty tensor")
    if i.size and (i.min() < -n or i.max() >= n):
        raise IndexError(f"out of range: tried to access index {int(i.max() if i.max() >= n else i.min())} on a tensor of {n} elements.")
    return np.where(i < 0, i + n, i)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, one after another, wherever the mask is True."""
    if mask._array.dtype != bool:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got {input.dtype.tensor_name} and {source.dtype.tensor_name}")
    wanted = int(np.count_nonzero(np.broadcast_to(mask._array, np.broadcast_shapes(mask._array.shape, input._array.shape))))
    if wanted > source._array.size:
        raise RuntimeError(f"Number of elements of source < number of ones in mask ({source._array.size} < {wanted})")
    return run(sc.masked_scatter.op, (input, source), (mask._array,))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """`input` with `src` at one index of a dimension."""
    d = dim_of(dim, input._array.ndim)
    n = input._array.shape[d]
    if not -n <= index < n:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(input._array.shape)} at dimension {d}")
    _fits(src, input._array.shape[:d] + input._array.shape[d + 1:])
    return run(sc.select_scatter.op, (input, src), (d, index % n))


def slice_scatter(input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """`input` with `src` in a slice of a dimension."""
    d = dim_of(dim, input._array.ndim)
    a, b, c = slice(start, end, step).indices(input._array.shape[d])
    _fits(src, (*input._array.shape[:d], len(range(a, b, c)), *input._array.shape[d + 1:]))
    return run(sc.slice_scatter.op, (input, src), (d, a, max(a, b), c))


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """`input` with `src` on a diagonal."""
    n = input._array.ndim
    d1, d2 = dim_of(dim1, n), dim_of(dim2, n)
    _fits(src, np.diagonal(input._array, offset, d1, d2).shape)
    return run(sc.diagonal_scatter.op, (input, src), (offset, d1, d2))


def _fits(src: Tensor, shape: tuple[int, ...]) -> None:
    if src._array.shape != tuple(shape):
        raise RuntimeError(f"expected src to have a size equal to the slice of self. src size = {list(src._array.shape)}, slice size = {list(shape)}")


def _strides(input: Tensor) -> tuple[tuple[int, ...], int]:
    a = input._array
    return tuple(s // a.itemsize for s in a.strides), st.offset_of(a)


def _geometry(input: Tensor, size: Any, stride: Any, storage_offset: Any) -> tuple[Any, ...]:
    own = _strides(input)
    sizes, strides = tuple(map(int, size)), tuple(map(int, stride))
    if len(sizes) != len(strides):
        raise RuntimeError(f"mismatch in length of strides and shape: {len(strides)} strides, {len(sizes)} sizes")
    if any(s < 0 for s in strides):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(strides)}")
    if storage_offset is not None and storage_offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {storage_offset}")
    return sizes, strides, own[1] if storage_offset is None else int(storage_offset), own


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """The elements of the memory of `input` at storage_offset + sum(index * stride), as a view."""
    return st.as_strided(input, *_geometry(input, size, stride, storage_offset))


def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """`input` with `src` written into the view that `as_strided` gives."""
    _fits(src, tuple(size))
    return run(st.as_strided_scatter.op, (input, src), _geometry(input, size, stride, storage_offset))


def storage_offset(t: Tensor) -> int:
    return st.offset_of(t._array)


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None, out: Any = None) -> Tensor:
    """`input` with the elements of `src` (or one value) written at `index` along `dim`; added or multiplied with `reduce`."""
    source = src if src is not None else value
    if isinstance(source, Tensor):
        d, i = places(input, dim, index, source, "scatter")
    else:
        d, i = places(input, dim, index, None, "scatter")
        if reduce is None:
            return given(sc.scatter_value(input, d, i, source), out)
        source = wrap(module_of(input._array).full(i.shape, source, input._array.dtype))
    if reduce in ("add", "sum"):
        return given(ix.scatter_add(input, d, i, source), out)
    if reduce == "multiply":
        return given(run(sc.scatter_reduce.op, (input, source), (d, i, "prod", True)), out)
    if reduce is not None:
        raise RuntimeError("reduce argument must be either add or multiply.")
    return given(ix.scatter(input, source, d, i), out)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Any = None) -> Tensor:
    """`input` with the elements of `src` added at `index` along `dim`."""
    d, i = places(input, dim, index, src, "scatter")
    return given(ix.scatter_add(input, d, i, src), out)
