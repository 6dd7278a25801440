"""Sparse tensors, as far as gradients are sparse: made, coalesced, added, scaled, written out. No gradient flows through one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.sparse import Rows
from ..core.tensor import Tensor, wrap
from .creation import shape_of, tensor


def sparse_coo_tensor(indices: Any, values: Any = None, size: Any = None, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
                      check_invariants: bool | None = None, is_coalesced: bool | None = None) -> Tensor:
    """A tensor that is zero but for `values[k]` at `indices[:, k]`."""
    if values is None and size is None:                          # sparse_coo_tensor(size)
        shape = shape_of((indices,))
        d = (dt.get_default_dtype() if dtype is None else dt.as_dtype(dtype)).dtype
        return wrap(Rows(np.zeros((len(shape), 0), np.int64), np.zeros(0, d), shape))
    i = tensor(indices)._array if not isinstance(indices, Tensor) else indices._array
    v = values if isinstance(values, Tensor) else tensor(values)
    if requires_grad or v._req:
        raise NotImplementedError("sparse tensors are gradients here and have none themselves: make it without requires_grad, of values that are detached")
    a = v._array if dtype is None else v._array.astype(dt.as_dtype(dtype).dtype)
    if i.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(i.shape)}")
    if i.dtype.kind not in "iu":
        raise RuntimeError(f"indices must be an int64 tensor, but got {dt.of(i).tensor_name}")
    if not a.ndim or i.shape[1] != a.shape[0]:
        raise RuntimeError(f"indices and values must have same nnz, but got nnz from indices: {i.shape[1]}, nnz from values: {a.shape[0] if a.ndim else 1}")
    least = tuple(int(n) for n in i.max(1) + 1) if i.shape[1] else (0,) * len(i)
    shape = (*least, *a.shape[1:]) if size is None else shape_of((size,))
    if len(shape) != len(i) + a.ndim - 1:
        raise RuntimeError(f"number of dimensions must be sparse_dim ({len(i)}) + dense_dim ({a.ndim - 1}), but got {len(shape)}")
    if shape[len(i):] != a.shape[1:]:
        raise RuntimeError(f"values has incorrect size, expected {[i.shape[1], *shape[len(i):]]}, got {list(a.shape)}")
    if i.size and int(i.min()) < 0:
        raise RuntimeError(f"found negative index {int(i.min())} for dim {int(np.argwhere(i < 0)[0][0])}")
    for d, (n, most) in enumerate(zip(least, shape, strict=False)):
        if n > most:
            raise RuntimeError(f"size is inconsistent with indices: for dim {d}, size is {most} but found index {n - 1}")
    return wrap(Rows(i.astype(np.int64), a, shape, bool(is_coalesced)))


def _rows(t: Tensor, name: str) -> Rows:
    if not isinstance(t._array, Rows):
        raise RuntimeError(f"{name} expected sparse coordinate tensor layout but got Strided")
    return t._array


def coalesce(t: Tensor) -> Tensor:
    """The same tensor with each place written down once, in order."""
    rows = _rows(t, "coalesce")
    return t if rows.coalesced else wrap(rows.summed())


def is_coalesced(t: Tensor) -> bool:
    return _rows(t, "is_coalesced").coalesced


def indices(t: Tensor) -> Tensor:
    """Coordinates, [sparse_dim, nnz], of a coalesced tensor."""
    if not _rows(t, "indices").coalesced:
        raise RuntimeError("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
    return _indices(t)


def values(t: Tensor) -> Tensor:
    """What stands at the coordinates, [nnz, ...], of a coalesced tensor."""
    if not _rows(t, "values").coalesced:
        raise RuntimeError("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
    return _values(t)


def _indices(t: Tensor) -> Tensor:
    return wrap(_rows(t, "_indices").indices)


def _values(t: Tensor) -> Tensor:
    return wrap(_rows(t, "_values").values)


def _nnz(t: Tensor) -> int:
    return int(_rows(t, "_nnz").indices.shape[1])


def sparse_dim(t: Tensor) -> int:
    return len(_rows(t, "sparse_dim").indices)


def dense_dim(t: Tensor) -> int:
    rows = _rows(t, "dense_dim")
    return rows.ndim - len(rows.indices)


def to_dense(t: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The whole tensor; itself when it is one."""
    whole = wrap(t._array.dense()) if isinstance(t._array, Rows) else t
    made: Tensor = whole if dtype is None else whole.to(dtype)
    return made


def to_sparse(t: Tensor, sparse_dim: int | None = None, *, layout: Any = None, blocksize: Any = None, dense_dim: int | None = None) -> Tensor:
    """Where a tensor is not zero, and what stands there; `sparse_dim` leading dimensions have coordinates (all, unless said)."""
    if isinstance(t._array, Rows):
        return t
    if layout is not None and str(layout) != "torch.sparse_coo":
        raise NotImplementedError(f"to_sparse: {layout} is not supported, only torch.sparse_coo is")
    a, n = t._array, t._array.ndim if sparse_dim is None else sparse_dim
    if not 0 <= n <= a.ndim or (n == 0 and a.ndim):
        raise RuntimeError(f"sparse_dim argument must be in >0 and <={a.ndim}" if a.ndim else "sparse_dim argument must be 0 for a 0-d tensor")
    where = a != 0
    if n < a.ndim:
        where = where.any(tuple(range(n, a.ndim)))
    found = where.nonzero() if n else ()
    i = np.stack(found) if n else np.zeros((0, int(bool(a != 0))), np.int64)
    return wrap(Rows(i, a[found] if n else a.reshape(1)[:i.shape[1]], a.shape, True))


def sparse_mask(t: Tensor, mask: Tensor) -> Tensor:
    """The values of a tensor at the places of a sparse one."""
    rows = _rows(mask, "sparse_mask")
    if rows.shape != tuple(t._array.shape):
        raise RuntimeError(f"sparse_mask(): operands have incompatible sizes; self has size {list(t._array.shape)} but mask has size {list(rows.shape)}")
    a = t._array.dense() if isinstance(t._array, Rows) else t._array
    return wrap(rows.like(a[rows.place()]))
