"""PyTorch's signatures for the shape ops: dimensions checked and wrapped, variadic arguments, defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import device as dev
from ..core import dtype as dt
from ..core.pointwise import apart
from ..core.tensor import Size, Tensor, wrap
from . import pointwise, shape


def dim_of(dim: Any, ndim: int) -> int:
    """A dimension as a non-negative int, checked as PyTorch checks it."""
    if isinstance(dim, Tensor):
        dim = int(dim._array)
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return int(dim) % n if dim >= 0 else int(dim) + n


def dims_of(dims: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions as a tuple of non-negative ints; None or () means all."""
    if dims is None or (isinstance(dims, (tuple, list)) and not dims):
        return tuple(range(ndim))
    if not isinstance(dims, (tuple, list)):
        dims = (dims,)
    found = tuple(dim_of(d, ndim) for d in dims) if ndim else ()
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim {next(d for d in found if found.count(d) > 1)} appears multiple times in the list of dims")
    return found


def ints(args: tuple[Any, ...]) -> tuple[int, ...]:
    """(2, 3) from `f(2, 3)` or `f((2, 3))`."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    return tuple(int(a) for a in args)


def _whole(target: tuple[int, ...], t: Tensor) -> tuple[int, ...]:
    """A shape with its -1 filled in."""
    a = t._array
    unknown = [i for i, s in enumerate(target) if s == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if any(s < -1 for s in target):
        raise RuntimeError(f"invalid shape dimension {min(target)}")
    known = 1
    for s in target:
        known *= s if s != -1 else 1
    if unknown:
        if known == 0 and not a.size:
            raise RuntimeError(f"cannot reshape tensor of 0 elements into shape {list(target)} because the unspecified dimension size -1 can "
                               "be any value and is ambiguous")
        if known and a.size % known == 0:
            return tuple(a.size // known if s == -1 else s for s in target)
    elif known == a.size:
        return target
    from ..core.shapes import not_viewed

    raise not_viewed(RuntimeError(f"shape '{list(target)}' is invalid for input of size {a.size}"), t, target)


def view(t: Tensor, *args: Any, dtype: Any = None) -> Tensor:
    if len(args) == 1 and isinstance(args[0], dt.dtype) or dtype is not None:
        return wrap(t._array.view((dtype or args[0]).dtype))
    return shape.view(t, _whole(ints(args), t))


def reshape(input: Tensor, *args: Any, **named: Any) -> Tensor:
    """The same elements in another shape: a view where memory allows, else a copy."""
    return shape.reshape(input, _whole(ints(args or (named["shape"],)), input))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start..end merged into one."""
    n = input._array.ndim
    if n == 0:
        return reshape(input, (1,))
    s, e = dim_of(start_dim, n), dim_of(end_dim, n)
    if s > e:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if s == e:
        return input
    old = input._array.shape
    return reshape(input, (*old[:s], int(np.prod(old[s:e + 1])), *old[e + 1:]))


def ravel(input: Tensor) -> Tensor:
    return reshape(input, (-1,))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    d = dim_of(dim, input._array.ndim)
    old = input._array.shape
    part = _whole(tuple(sizes), wrap(np.empty(old[d], "?")))
    return view(input, (*old[:d], *part, *old[d + 1:]))


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    n = input._array.ndim
    return shape.transpose(input, dim_of(dim0, n), dim_of(dim1, n))


def t(input: Tensor) -> Tensor:
    if input._array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._array.ndim}D")
    return shape.t(input)


def permute(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    order = ints(dims or (named["dims"],))
    n = input._array.ndim
    if len(order) != n:
        raise RuntimeError(f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
                           f"dimensions i.e. input.dim() = {n} is not equal to len(dims) = {len(order)}")
    found = tuple(dim_of(d, n) for d in order)
    if len(set(found)) != n:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return shape.permute(input, found)


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    n = input._array.ndim
    for what, given in (("source", source), ("destination", destination)):
        if isinstance(given, (tuple, list)) and len({dim_of(d, n) for d in given}) < len(given):
            raise RuntimeError(f"movedim: repeated dim in `{what}` ({list(given)})")
    if isinstance(source, (tuple, list)) and isinstance(destination, (tuple, list)) and len(source) != len(destination):
        raise RuntimeError(f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number of dims as destination "
                           f"({list(destination)} dims)")
    s = [dim_of(d, n) for d in (source if isinstance(source, (tuple, list)) else (source,))]
    d = [dim_of(d, n) for d in (destination if isinstance(destination, (tuple, list)) else (destination,))]
    order = [i for i in range(n) if i not in s]
    for to, frm in sorted(zip(d, s, strict=True)):
        order.insert(to, frm)
    return shape.permute(input, tuple(order))


def expand(input: Tensor, *sizes: Any) -> Tensor:
    target, old = ints(sizes), input._array.shape
    lead = len(target) - len(old)
    if lead < 0:
        raise RuntimeError(f"expand({dt.of(input._array).tensor_name}Tensor{list(old)}, size={list(target)}): the number of sizes provided "
                           f"({len(target)}) must be greater or equal to the number of dimensions in the tensor ({len(old)})")
    final = []
    for i, s in enumerate(target):
        have = old[i - lead] if i >= lead else 1
        if s == -1:
            if i < lead:
                raise RuntimeError(f"expand(size={list(target)}): the expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}")
            s = have
        if have not in (1, s):
            from ..core.shapes import not_expanded

            raise not_expanded(RuntimeError(f"The expanded size of the tensor ({s}) must match the existing size ({have}) at non-singleton dimension {i}.  "
                                            f"Target sizes: {list(target)}.  Tensor sizes: {list(old)}"), input, target)
        final.append(s)
    return shape.expand(input, tuple(final))


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    return expand(input, tuple(size))


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    from ..core import errors

    try:
        common = np.broadcast_shapes(*[t._array.shape for t in tensors])
    except ValueError:
        raise errors.broadcast(*[t._array.shape for t in tensors], of=tensors) from None
    return tuple(expand(t, common) for t in tensors)


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    n = input._array.ndim + 1
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return shape.unsqueeze(input, dim % n)


def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without dimensions of size 1: all of them, or those named."""
    from . import strided as st

    old = input._array.shape
    if dim is None:
        return shape.squeeze(input, tuple(d for d, n in enumerate(old) if n == 1))
    if isinstance(dim, (tuple, list)):
        return st.squeeze_dims(input, tuple(d for d in (dims_of(dim, len(old)) if dim else ()) if old[d] == 1))
    d = dim_of(dim, len(old))
    return st.squeeze_dim(input, (d,) if old and old[d] == 1 else ())


def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Any = None, **named: Any) -> Tensor:
    """The tensors one after another along `dim`."""
    dim = named.get("axis", dim)
    if isinstance(tensors, Tensor):
        raise TypeError("cat(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    ts = tuple(tensors)
    if not ts:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, x in enumerate(ts):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    ts = tuple(x for x in ts if x._array.shape != (0,)) or ts[:1]
    first = ts[0]._array.shape
    d = dim_of(dim, len(first))
    for i, x in enumerate(ts):
        other = x._array.shape
        if len(other) == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
        if len(other) != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(other)}")
        for k, (p, q) in enumerate(zip(first, other, strict=True)):
            if k != d and p != q:
                from ..core.shapes import not_joined

                raise not_joined(RuntimeError(f"Sizes of tensors must match except in dimension {d}. Expected size {p} but got size {q} for tensor number "
                                              f"{i} in the list."), ts, d, k)
    apart(out, *ts)
    return pointwise.given(shape.cat(ts, d), out)


def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Any = None) -> Tensor:
    """The tensors along a new dimension."""
    ts = tuple(tensors)
    if not ts:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = ts[0]._array.shape
    for i, x in enumerate(ts):
        if x._array.shape != first:
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(x._array.shape)} at entry {i}")
    return pointwise.given(shape.stack(ts, dim_of(dim, len(first) + 1)), out)


def split_sizes(tensor: Tensor, split_size_or_sections: Any, dim: int) -> tuple[int, ...]:
    """The sizes of the parts, checked."""
    if not tensor._array.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = tensor._array.shape[dim_of(dim, tensor._array.ndim)]
    if isinstance(split_size_or_sections, (int, np.integer)):
        size = int(split_size_or_sections)
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        return tuple(min(size, n - i) for i in range(0, n, size)) if n else (0,)
    sizes = tuple(int(s) for s in split_size_or_sections)
    if any(s < 0 for s in sizes):
        raise RuntimeError(f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(sizes)}")
    if sum(sizes) != n:
        raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), but got "
                           f"split_sizes={list(sizes)}")
    return sizes


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    return shape.split(tensor, split_sizes(tensor, split_size_or_sections, dim), dim_of(dim, tensor._array.ndim))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input._array.shape[dim_of(dim, input._array.ndim)]
    return split(input, max(1, -(-n // chunks)), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    if input._array.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return shape.unbind(input, dim_of(dim, input._array.ndim))


def narrowed(input: Tensor, dim: int, start: Any, length: int) -> tuple[int, int, int]:
    """Dimension, start and stop of a narrow, checked."""
    if not input._array.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if isinstance(start, Tensor):
        if start._array.ndim or start._array.dtype.kind not in "iu":
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = int(start._array)
    d = dim_of(dim, input._array.ndim)
    n = input._array.shape[d]
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return d, start, start + length


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` elements of a dimension from `start` on, as a view."""
    return shape.slice_dim(input, *narrowed(input, dim, start, length), 1)


def select(input: Tensor, dim: int, index: int) -> Tensor:
    d = dim_of(dim, input._array.ndim)
    n = input._array.shape[d]
    if not -n <= index < n:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(input._array.shape)} at dimension {d}")
    return shape.select(input, d, index % n)


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    r = ints(repeats)
    if len(r) < input._array.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    return shape.repeat(input, r)


def tile(input: Tensor, *dims: Any) -> Tensor:
    r = ints(dims)
    return shape.repeat(input, (1,) * (input._array.ndim - len(r)) + r)


def flip(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """The elements of some dimensions in reverse order."""
    order = ints(dims or (named["dims"],))
    found = dims_of(order, input._array.ndim) if order else ()
    return shape.flip(input, found)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    s = shifts if isinstance(shifts, (tuple, list)) else (shifts,)
    if not s:
        raise RuntimeError("`shifts` required")
    if dims is None or (isinstance(dims, (tuple, list)) and not dims):
        return shape.roll(input, shifts, ())
    many = len(dims) if isinstance(dims, (tuple, list)) else 1
    if many != len(s):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(s)}, dims:{many}")
    if not input._array.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return shape.roll(input, tuple(s), dims_of(dims, input._array.ndim))


def tril(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The lower triangle of the last two dimensions, zeros elsewhere."""
    if input._array.ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return pointwise.given(shape.tril(input, diagonal), out)


def triu(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The upper triangle of the last two dimensions, zeros elsewhere."""
    if input._array.ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return pointwise.given(shape.triu(input, diagonal), out)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    n = input._array.ndim
    first, second = dim_of(dim1, n), dim_of(dim2, n)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return shape.diagonal(input, offset, first, second)


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    return pointwise.clone(input)


def contiguous(t: Tensor, memory_format: Any = None) -> Tensor:
    return t if t._array.flags.c_contiguous else pointwise.clone(t)


def to(t: Tensor, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False, copy: bool = False,
       memory_format: Any = None) -> Tensor:
    """The tensor with another dtype or on another device; itself when nothing changes."""
    for a in args:
        if isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, (str, dev.device)) or (isinstance(a, int) and not isinstance(a, bool)):
            device = a
        elif isinstance(a, bool):
            copy = copy or a
        else:
            dtype = a
    out = t
    if dtype is not None and dt.as_dtype(dtype) is not out.dtype:
        target = dt.as_dtype(dtype)
        out = pointwise.to_copy(out if target.category >= 2 else out.detach(), target.dtype, out._array.dtype)
    if device is not None:
        where = dev.device(device)
        if where.type != out.device.type or (where.index is not None and where.index != out.device.index):
            out = _to_device(out, where)
    return pointwise.clone(out) if copy and out is t else out


def _to_device(t: Tensor, where: dev.device) -> Tensor:
    from .device import move

    return move(t, str(where))


def size(t: Tensor, dim: int | None = None) -> Any:
    return Size(t._array.shape) if dim is None else t._array.shape[dim_of(dim, t._array.ndim)]


def stride(t: Tensor, dim: int | None = None) -> Any:
    strides = tuple(s // t._array.itemsize for s in t._array.strides)
    return strides if dim is None else strides[dim_of(dim, len(strides))]
