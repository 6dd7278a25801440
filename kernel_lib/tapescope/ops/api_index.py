"""`t[...]`, `t[...] = v`, and PyTorch's gather and scatter family."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.device import module_of, move
from ..core.device import of as device_of
from ..core.inplace import assign, run_inplace
from ..core.op import op, run
from ..core.pointwise import apart, of_dtype
from ..core.tensor import Tensor, wrap
from . import elementary as el
from . import index as ix
from . import pointwise as pw
from . import shape
from .api_shape import dim_of
from .strided import alias
from .whole import one_node


def _plain(k: Any) -> Any:
    """A key part as Python and NumPy see it; tensors become arrays, numbers stay."""
    if isinstance(k, Tensor):
        a = k._array
        if a.dtype.kind not in "iub":
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors (got {k.dtype})")
        if not a.ndim and a.dtype.kind == "i":              # one number selects, as a number does
            return int(k)
        return a.astype(bool) if a.dtype == np.uint8 else a
    if isinstance(k, (list, tuple, range)):
        return np.asarray([_plain(x) for x in k] if any(isinstance(x, Tensor) for x in k) else k, None if k else np.int64)
    if isinstance(k, np.integer):
        return int(k)
    return k


def _parts(t: Tensor, key: Any) -> list[Any]:
    parts = [_plain(k) for k in (key if isinstance(key, tuple) else (key,))]
    used = sum(k.ndim if hasattr(k, "dtype") and k.dtype.kind == "b" else 0 if k is None or k is Ellipsis or isinstance(k, bool) else 1 for k in parts)
    ndim = t._array.ndim
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim} (the key has {used}, the shape is {list(t._array.shape)})")
    if not any(k is Ellipsis for k in parts):
        parts.append(Ellipsis)
    at = next(i for i, k in enumerate(parts) if k is Ellipsis)
    return parts[:at] + [slice(None)] * (ndim - used) + [k for k in parts[at + 1:] if k is not Ellipsis]


def _is_advanced(k: Any) -> bool:
    return isinstance(k, (bool, np.bool_)) or not (k is None or isinstance(k, (int, slice)))


def getitem(t: Tensor, key: Any) -> Tensor:
    """Basic parts as views (select, slice, unsqueeze), then one op for all index arrays."""
    if isinstance(key, int) and not isinstance(key, bool):
        if t._array.ndim == 0:
            raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number")
        n = t._array.shape[0]
        if not -n <= key < n:
            raise IndexError(f"index {key} is out of bounds for dimension 0 with size {n}")
        return shape.select(t, 0, key % n)
    parts = _parts(t, key)
    out, dim = t, 0
    later: list[Any] = []
    for k in parts:
        if k is None:
            out = shape.unsqueeze(out, dim)
            later.append(slice(None))
            dim += 1
        elif isinstance(k, int) and not isinstance(k, bool):
            n = out._array.shape[dim]
            if not -n <= k < n:
                raise IndexError(f"index {k} is out of bounds for dimension {dim} with size {n}")
            out = shape.select(out, dim, k % n)
        elif isinstance(k, slice):
            n = out._array.shape[dim]
            if k.step is not None and k.step <= 0:
                raise ValueError("step must be greater than zero")
            start, stop, step = slice(*(int(v) if v is not None else None for v in (k.start, k.stop, k.step))).indices(n)
            if (start, stop, step) != (0, n, 1):
                out = shape.slice_dim(out, dim, start, max(start, stop), step)
            later.append(slice(None))
            dim += 1
        else:
            if isinstance(k, (bool, np.bool_)):
                out = shape.unsqueeze(out, dim)
                k = np.asarray([k])
            later.append(k)
            dim += k.ndim if k.dtype == bool else 1
    if any(not isinstance(k, slice) for k in later):
        return ix.index(out, _checked(out, tuple(later)))
    if out is not t:
        return out
    return alias(t) if key is Ellipsis or not t._array.ndim or isinstance(key, tuple) and not any(isinstance(k, slice) for k in key) else shape.slice_dim(t, 0, 0, t._array.shape[0], 1)


def _checked(t: Tensor, key: tuple[Any, ...]) -> tuple[Any, ...]:
    dim = 0
    for k in key:
        if isinstance(k, slice):
            dim += 1
            continue
        if k.dtype == bool:
            for i, s in enumerate(k.shape):
                if dim + i >= t._array.ndim or t._array.shape[dim + i] != s:
                    raise IndexError(f"The shape of the mask {list(k.shape)} at index {i} does not match the shape of the indexed tensor "
                                     f"{list(t._array.shape)} at index {dim + i}")
            dim += k.ndim
            continue
        n = t._array.shape[dim]
        if k.size and (k.min() < -n or k.max() >= n):
            bad = int(k.max()) if k.max() >= n else int(k.min())
            raise IndexError(f"index {bad} is out of bounds for dimension {dim} with size {n}")
        dim += 1
    arrays = [k for k in key if not isinstance(k, slice) and k.dtype != bool]
    try:
        np.broadcast_shapes(*[k.shape for k in arrays])
    except ValueError:
        raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                         f"{', '.join(str(list(k.shape)) for k in arrays)}") from None
    return key


def _without_ones(value: Tensor, ndim: int) -> Tensor:
    """What is written, without leading dimensions of one that its place does not have."""
    lead = value._array.ndim - ndim
    return value.reshape(value._array.shape[lead:]) if lead > 0 and all(s == 1 for s in value._array.shape[:lead]) else value


def setitem(t: Tensor, key: Any, value: Any) -> None:
    """Writes into a view (basic keys) or by one op (index arrays); versions and history as for any in-place op."""
    if isinstance(key, (bool, np.bool_)) or isinstance(key, tuple) and any(isinstance(k, (bool, np.bool_)) for k in key):
        own = key if isinstance(key, tuple) else (key,)      # a truth value is a mask over a dimension of one that it makes
        if any(isinstance(k, (bool, np.bool_)) and not k for k in own):
            getitem(t, key)                                  # says what is wrong with the rest
            return
        setitem(t, tuple(None if isinstance(k, (bool, np.bool_)) else k for k in own), value)
        return
    parts = _parts(t, key) if t._array.ndim or not isinstance(key, (tuple, int)) or isinstance(key, tuple) else [key]
    if not any(_is_advanced(k) for k in parts):
        target = getitem(t, key)
        copy_(target, _without_ones(value, target._array.ndim) if isinstance(value, Tensor) else value)
        return
    if any(k is None or isinstance(k, int) and not isinstance(k, bool) for k in parts):
        basic = tuple(k if not _is_advanced(k) else slice(None) for k in parts)
        inner = getitem(t, basic)
        setitem(inner, tuple(k if _is_advanced(k) else slice(None) for k in parts if k is None or not isinstance(k, int) or isinstance(k, bool)), value)
        return
    checked = _checked(t, tuple(np.asarray([k]) if isinstance(k, bool) else k for k in parts))
    v = value if isinstance(value, Tensor) else wrap(module_of(t._array).asarray(value, t._array.dtype))
    if v._array.dtype != t._array.dtype:
        v = v.to(t.dtype)
    place = t._array[checked].shape
    v = _without_ones(v, len(place))
    try:
        np.broadcast_to(v._array, place)
    except ValueError:
        raise RuntimeError(f"shape mismatch: value tensor of shape {list(v._array.shape)} cannot be broadcast to indexing result of shape "
                           f"{list(place)}") from None
    run_inplace(ix.index_put.op, t, (v,), (checked, False))


@op(r"{b}", operands=2, name="copy", node="Copy", grad_tex=r"\bar{b} = \bar{y}")
def copied(x: Any, b: Any) -> Any:
    return np.broadcast_to(b if type(b) is type(x) else move(b, device_of(x)), x.shape).astype(x.dtype)


copied.vjp(pw.nothing, lambda g: g)
copied.op.node_name = "CopyBackwards"


def copy_(t: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Overwrites with the elements of `src`, broadcast and cast."""
    if not isinstance(src, Tensor):
        src = wrap(np.asarray(src)) if not isinstance(src, (int, float, bool, complex)) else wrap(np.asarray(src).astype(t._array.dtype))
    try:
        fits = np.broadcast_shapes(src._array.shape, t._array.shape) == t._array.shape
    except ValueError:
        fits = False
    if not fits:
        s, d = src._array.shape, t._array.shape
        i = next((i for i in range(1, min(len(s), len(d)) + 1) if s[-i] not in (1, d[-i])), 1)
        raise RuntimeError(f"The expanded size of the tensor ({d[-i] if d else 1}) must match the existing size ({s[-i] if s else 1}) at non-singleton "
                           f"dimension {max(len(d) - i, 0)}.  Target sizes: {list(d)}.  Tensor sizes: {list(s)}")
    return run_inplace(copied.op, t, (src,))


def _index(index: Any, name: str) -> Any:
    if not isinstance(index, Tensor) or index._array.dtype.kind not in "iu":
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    return index._array


def _in_range(a: Any, n: int, name: str, dim: int) -> None:
    if a.size and (a.min() < 0 or a.max() >= n):
        bad = int(a.max()) if a.max() >= n else int(a.min())
        raise RuntimeError(f"index {bad} is out of bounds for dimension {dim} with size {n} (in {name})")


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Any = None) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and so on."""
    if out is not None:
        of_dtype(out, input)
        apart(out, input, index)
        return pw.given(gather(input, dim, index), out)
    d, i = dim_of(dim, input._array.ndim), _index(index, "gather")
    if not i.size:
        return ix.gather(input, d, i)
    if max(i.ndim, 1) != max(input._array.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for k, (p, q) in enumerate(zip(i.shape, input._array.shape, strict=False)):
        if k != d and p > q:
            raise RuntimeError(f"Size does not match at dimension {k} expected index {list(i.shape)} to be no larger than self {list(input._array.shape)} "
                               f"apart from dimension {d}")
    _in_range(i, input._array.shape[d] if input._array.ndim else 1, "gather", d)
    return ix.gather(input, d, i)


def index_select(input: Tensor, dim: int, index: Tensor, *, out: Any = None) -> Tensor:
    """The slices of `input` that a line of indices names along `dim`."""
    d, i = dim_of(dim, input._array.ndim), _index(index, "index_select")
    if i.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if not input._array.ndim and i.size != 1:
        raise IndexError(f"index_select(): Index to scalar can have only 1 value, got {i.size} value(s)")
    if i.size and (i.min() < 0 or i.max() >= (input._array.shape[d] if input._array.ndim else 1)):
        raise IndexError(f"index out of range in self: dimension {d} has size {input._array.shape[d] if input._array.ndim else 1}, indices run from "
                         f"{int(i.min())} to {int(i.max())}")
    return pw.given(ix.index_select(input, d, i), out)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Any = None) -> Tensor:
    """The elements that `indices` name along `dim` (of the flattened tensors where it is None); the other dimensions broadcast."""
    if dim is None:
        return pw.given(ix.gather(input.reshape(-1), 0, indices._array.reshape(-1)), out)
    if not isinstance(indices, Tensor) or indices._array.dtype != np.int64:
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {getattr(indices, 'dtype', type(indices).__name__)}")
    if indices._array.ndim != input._array.ndim:
        raise RuntimeError("torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
                           f"{input._array.ndim} dimensions for input, and {indices._array.ndim} dimensions for indices")
    d = dim_of(dim, input._array.ndim)
    a, i = list(input._array.shape), list(indices._array.shape)
    common = list(np.broadcast_shapes(*[(*s[:d], 1, *s[d + 1:]) for s in (a, i)]))
    wide = input.expand(*common[:d], a[d], *common[d + 1:])
    places = np.broadcast_to(indices._array, (*common[:d], i[d], *common[d + 1:]))
    n = a[d]
    if places.size and (places.min() < -n or places.max() >= n):
        raise RuntimeError(f"index {int(places.max())} is out of bounds for dimension {d} with size {n}")
    return pw.given(ix.gather(wide, d, np.where(places < 0, places + n, places)), out)


@one_node("masked_select", "MaskedSelectBackward0", r"{x0}[m]", 1, r"\bar{x}[m] = \bar{y},\quad 0 \text{ elsewhere}")
def _chosen(x: Tensor, mask: Any) -> Tensor:
    found: Tensor = getitem(x, wrap(mask.astype(bool)))
    return found


def masked_select(input: Tensor, mask: Tensor, *, out: Any = None) -> Tensor:
    """The elements where the mask is True, as a line; both broadcast."""
    if mask._array.dtype not in (bool, np.uint8):
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    apart(out, input, mask)
    common = np.broadcast_shapes(input._array.shape, mask._array.shape)
    wide = input if input._array.shape == common else input.expand(common)
    return pw.given(_chosen(wide, np.broadcast_to(mask._array, common)), out)


def _mask(t: Tensor, mask: Any) -> Any:
    if not isinstance(mask, Tensor) or mask._array.dtype != bool:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {getattr(mask, 'dtype', type(mask).__name__)}")
    return mask._array


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with `value`, a number or a 0-d tensor, wherever the mask is True."""
    m = _mask(input, mask)
    if isinstance(value, Tensor):
        if value._array.ndim:
            raise RuntimeError(f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._array.ndim} dimension(s).")
        if value.dtype.category == 3 > input.dtype.category:
            dt.stored(value._array.item(), input.dtype)
        return run(el.masked_fill_tensor.op, (input, value), (m,))
    return pw.masked_fill(input, m, dt.stored(value, input.dtype))


def masked_fill_(t: Tensor, mask: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return assign(masked_fill, t, mask, value)
    return run_inplace(pw.masked_fill.op, t, (), (_mask(t, mask), dt.stored(value, t.dtype)))
