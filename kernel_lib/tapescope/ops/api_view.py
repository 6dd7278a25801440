"""PyTorch's signatures for joining, splitting, turning and windows, views as copies, and what changes the shape of a tensor in place."""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.device import module_of
from ..core.tensor import Size, Tensor, wrap
from . import api_scatter as asc
from . import api_shape as ash
from . import shape
from . import strided as st
from .api_shape import cat, dim_of, expand, permute, reshape, squeeze, stack, unsqueeze
from .pointwise import given


def _list(tensors: Any) -> tuple[Tensor, ...]:
    return tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tuple(tensors)


def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one dimension."""
    out = tuple(reshape(t, (1,)) if not t._array.ndim else t for t in _list(tensors))
    return out[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else out


def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two dimensions; a line becomes a row."""
    out = tuple(reshape(t, (1, 1)) if not t._array.ndim else unsqueeze(t, 0) if t._array.ndim == 1 else t for t in _list(tensors))
    return out[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else out


def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three dimensions; a matrix gets a last one."""
    def one(t: Tensor) -> Tensor:
        n = t._array.ndim
        return reshape(t, (1, 1, 1)) if n == 0 else unsqueeze(unsqueeze(t, 0), -1) if n == 1 else unsqueeze(t, -1) if n == 2 else t

    out = tuple(map(one, _list(tensors)))
    return out[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else out


def _some(tensors: Sequence[Tensor], name: str) -> Sequence[Tensor]:
    if not len(tensors):
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tensors


def hstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """The tensors beside each other."""
    ts = atleast_1d(tuple(_some(tensors, "hstack")))
    return cat(ts, 0 if ts[0]._array.ndim == 1 else 1, out=out)


def vstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """The tensors below each other."""
    return cat(atleast_2d(tuple(_some(tensors, "vstack"))), 0, out=out)


def dstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """The tensors behind each other, along the third dimension."""
    return cat(atleast_3d(tuple(_some(tensors, "dstack"))), 2, out=out)


def column_stack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """Lines as columns, and matrices, beside each other."""
    ts = [reshape(t, (t._array.size, 1)) if t._array.ndim <= 1 else t for t in _some(tensors, "column_stack")]
    return cat(ts, 1, out=out)


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices on its diagonal, zeros elsewhere."""
    if not tensors:
        return wrap(np.zeros((1, 0), dt.get_default_dtype().dtype))
    blocks = []
    for i, t in enumerate(tensors):
        if t._array.ndim > 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t._array.ndim} dimensions")
        blocks.append(atleast_2d(t))
    return shape.block_diag(tuple(blocks))


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views: so many almost equal ones, or one between each two of the given indices."""
    if not input._array.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = dim_of(dim, input._array.ndim)
    n = input._array.shape[d]
    sections = indices_or_sections
    if isinstance(sections, Tensor):
        if sections._array.dtype != np.int64:
            raise RuntimeError(f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {sections.dtype.tensor_name}")
        if sections._array.ndim > 1:
            raise RuntimeError("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with "
                               f"{sections._array.ndim} dims")
        sections = sections._array.tolist()
    if isinstance(sections, int):
        if sections <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
        base, more = divmod(n, sections)
        bounds = np.cumsum([0] + [base + (i < more) for i in range(sections)]).tolist()
    else:
        bounds = [0, *[builtins.slice(0, int(i)).indices(n)[1] for i in sections], n]
    return tuple(shape.slice_dim(input, d, a, max(a, b), 1) for a, b in itertools.pairwise(bounds))


def _splits(name: str, dim: int, least: int) -> Any:
    def call(input: Tensor, indices_or_sections: Any = None, **named: Any) -> tuple[Tensor, ...]:
        parts = named.get("indices", named.get("sections", indices_or_sections))
        n = input._array.ndim
        if n < least:
            raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {n} dimensions!")
        if isinstance(parts, str):
            raise TypeError(f"{name}() received an invalid combination of arguments - got (Tensor, str), but expected one of:\n"
                            " * (Tensor input, int sections)\n * (Tensor input, tuple of ints indices)")
        d = 0 if name == "hsplit" and n == 1 else dim
        if isinstance(parts, int) and (parts <= 0 or input._array.shape[d] % parts):
            raise RuntimeError(f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {input._array.shape[d]} is not divisible "
                               f"by the split_size {parts}!")
        return tensor_split(input, parts, d)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`tensor_split` along dimension {dim}, into equal parts or at indices."
    return call


hsplit, vsplit, dsplit = _splits("hsplit", 1, 1), _splits("vsplit", 0, 2), _splits("dsplit", 2, 3)


def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most `split_size` elements along `dim`, or of the given sizes."""
    if isinstance(split_size_or_sections, (int, np.integer)):
        return ash.split(tensor, split_size_or_sections, dim)
    return split_with_sizes(tensor, split_size_or_sections, dim)


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    return st.split_with_sizes(input, ash.split_sizes(input, tuple(split_sizes), dim), dim_of(dim, input._array.ndim))


def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    return st.unsafe_split(input, ash.split_sizes(input, split_size, dim), dim_of(dim, input._array.ndim))


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    n = input._array.shape[dim_of(dim, input._array.ndim)]
    return unsafe_split(input, max(1, -(-n // chunks)), dim)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees in the plane of two dimensions."""
    n = input._array.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if n < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {n}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == n:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    for i, d in enumerate(dims):
        if not -n <= d < n:
            raise RuntimeError(f"Rotation dim{i} out of range, dim{i} = {d}")
    return st.rot90(input, k, tuple(d % n for d in dims))


def fliplr(input: Tensor) -> Tensor:
    """The columns in reverse order."""
    if input._array.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return shape.flip(input, (1,))


def flipud(input: Tensor) -> Tensor:
    """The rows in reverse order."""
    if input._array.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return shape.flip(input, (0,))


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements every `step` elements of a dimension, as a view with one dimension more."""
    d = dim_of(dimension, input._array.ndim)
    n = input._array.shape[d] if input._array.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return st.unfold(input, d, size, step)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Lines along the last dimension as diagonals of matrices in the dimensions dim1 and dim2."""
    n = input._array.ndim + 1
    d1, d2 = dim_of(dim1, n), dim_of(dim2, n)
    if d1 == d2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = input._array.shape[-1] + abs(offset)
    rest = iter(input._array.shape[:-1])
    target = tuple(side if i in (d1, d2) else next(rest) for i in range(n))
    return shape.diag_embed(input, target, offset, d1, d2)


def diag(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The diagonal of a matrix, or a matrix with this diagonal."""
    n = input._array.ndim
    if n not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {n}D")
    return given(diag_embed(input, diagonal) if n == 1 else diagonal_copy(input, diagonal), out)


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements of `input` on its diagonal."""
    return diag_embed(reshape(input, (-1,)), offset)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that shapes broadcast to."""
    tuples = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    if any(s < 0 for t in tuples for s in t):
        raise RuntimeError(f"Trying to create tensor with negative dimension ({min(s for t in tuples for s in t)}): ({min(s for t in tuples for s in t)})")
    try:
        return Size(np.broadcast_shapes(*tuples))
    except ValueError:
        raise RuntimeError("Shape mismatch: objects cannot be broadcast to a single shape: " + ", ".join(map(str, tuples))) from None


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Coordinate grids of lines; "ij" (rows first) or "xy"."""
    ts = _list(tensors)
    if not ts:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for t in ts:
        if t._array.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got a tensor of shape {list(t._array.shape)}")
        if t.dtype is not ts[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(ts) >= 2
    order = (ts[1], ts[0], *ts[2:]) if swap else ts
    full = tuple(t._array.size for t in order)
    grids = [expand(reshape(t, (1,) * i + (-1,) + (1,) * (len(full) - i - 1)), full) for i, t in enumerate(order)]
    return tuple((grids[1], grids[0], *grids[2:]) if swap else grids)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of elements, one a row."""
    ts = _list(tensors)
    for t in ts:
        if t._array.ndim != 1:
            raise RuntimeError("Expect a 1D vector, but got shape " + str(list(t._array.shape)))
    if len(ts) == 1:
        return ts[0]
    return stack([reshape(g, (-1,)) for g in meshgrid(*ts, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All combinations of r elements, in order, one a row."""
    from .api_index import index_select

    if input._array.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._array.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return wrap(module_of(input._array).empty((0,), input._array.dtype))
    if r == 2:
        rows = np.stack(np.triu_indices(input._array.size, 0 if with_replacement else 1), 1)
    else:
        pick = itertools.combinations_with_replacement if with_replacement else itertools.combinations
        rows = np.array(list(pick(range(input._array.size), r)), np.int64).reshape(-1, r)
    return stack([index_select(input, 0, wrap(rows[:, k])) for k in range(r)], 1)


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`narrow` as a copy instead of a view."""
    if length < 0 and input._array.ndim:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({input._array.shape[ash.dim_of(dim, input._array.ndim)]}).")
    d, a, b = ash.narrowed(input, dim, start, length)
    return st.narrow_copy(input, d, a, b, 1)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Summed over what `size` would broadcast over."""
    from .api_reduce import sum as total

    target, old = ash.ints(size), input._array.shape
    lead = len(old) - len(target)
    if lead < 0 or any(t not in (1, o) for t, o in zip(target, old[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(target)}}} is not expandable to size {{{list(old)}}}.")
    dims = [*range(lead), *[i + lead for i, t in enumerate(target) if t == 1 and old[i + lead] != 1]]
    if not target:
        return total(input)
    if not dims:
        return st.all_of(input)
    out = total(input, tuple(dims), True)
    return reshape(out, target) if lead else out


def slice(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    d = dim_of(dim, input._array.ndim)
    a, b, c = builtins.slice(start, end, step).indices(input._array.shape[d])
    return shape.slice_dim(input, d, a, max(a, b), c)


def repeat_interleave(input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Tensor:
    """Each element `repeats` times, one after another (of the flattened tensor without `dim`)."""
    from .api_index import index_select

    if repeats is None:
        if input._array.dtype not in (np.int64, np.int32):
            raise RuntimeError("repeats has to be Long or Int tensor")
        return wrap(np.repeat(module_of(input._array).arange(input._array.size), input._array))
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    elif not input._array.ndim:
        input = reshape(input, (1,))
    d = dim_of(dim, input._array.ndim)
    n = input._array.shape[d]
    times = repeats._array if isinstance(repeats, Tensor) else np.asarray(repeats)
    if times.dtype.kind not in "iu":
        raise RuntimeError("repeats has to be Long or Int tensor")
    if (times < 0).any():
        raise RuntimeError("repeats can not be negative")
    if times.ndim and times.size not in (1, n):
        raise RuntimeError(f"repeats must have the same size as input along dim, but got repeats.size(0) = {times.size} and input.size({d}) = {n}")
    if times.size == 1:                                    # a view with one dimension more, spread, and flattened: as PyTorch does it
        k = int(times.reshape(()))
        old = input._array.shape
        wide = expand(unsqueeze(input, d + 1), (*old[:d + 1], k, *old[d + 1:]))
        return ash.flatten(wide.clone(), d, d + 1)
    return index_select(input, d, wrap(np.repeat(np.arange(n), times)))


alias_copy = st.copied("alias_copy", st.all_of)
as_strided_copy = st.copied("as_strided_copy", asc.as_strided)
diagonal_copy = st.copied("diagonal_copy", ash.diagonal)
expand_copy = st.copied("expand_copy", ash.expand)
permute_copy = st.copied("permute_copy", permute)
select_copy = st.copied("select_copy", ash.select)
slice_copy = st.copied("slice_copy", slice)
split_copy = st.copied("split_copy", ash.split)
split_with_sizes_copy = st.copied("split_with_sizes_copy", split_with_sizes)
squeeze_copy = st.copied("squeeze_copy", squeeze)
t_copy = st.copied("t_copy", ash.t)
transpose_copy = st.copied("transpose_copy", ash.transpose)
unbind_copy = st.copied("unbind_copy", ash.unbind)
unfold_copy = st.copied("unfold_copy", unfold)
unsqueeze_copy = st.copied("unsqueeze_copy", unsqueeze)
view_copy = st.copied("view_copy", ash.view)


# -- the tensor itself gets another shape ----------------------------------------------------------------------------------------------------


def reshaped(f: Any) -> Any:
    """The in-place form of a view function: the tensor becomes that view of itself."""

    def call(t: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        from ..core.inplace import check

        check(t)
        view = f(t, *args, **kwargs)
        t._array, t._node, t._nr, t._req = view._array, view._node, view._nr, view._req
        if t._is_view() and view._extra is not None:
            t.more().chain = view._extra.chain
        t.bump()
        return t

    call.__name__ = call.__qualname__ = f.__name__ + "_"
    call.__doc__ = f"The tensor becomes its own `{f.__name__}`."
    return call


def resize_(t: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Another shape, elements in order of memory; what is new is uninitialised."""
    target = ash.ints(size)
    if t._req:
        raise RuntimeError("cannot resize variables that require grad")
    n = int(np.prod(target, dtype=np.int64))
    line = st.memory_of(t._array)[st.offset_of(t._array):]
    if line.size < n:
        more = np.zeros(n, t._array.dtype)
        more[:line.size] = line
        line = more
    t._array = line[:n].reshape(target)
    t.bump()
    return t


def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    return resize_(input, tuple(the_template._array.shape))


def set_(t: Tensor, source: Tensor) -> Tensor:
    """The tensor shows the memory of `source` from now on."""
    t._array = source._array
    t.bump()
    return t
