"""`torch.masked`: reductions and normalisations that leave out the elements where a mask is False."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import ops as _ops
from .core import dtype as dt
from .core.tensor import Tensor, wrap
from .ops.api_shape import dims_of

Dims = Any
ops: Any = _ops


def _mask(input: Tensor, mask: Tensor | None) -> Any:
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask._array.dtype != bool:
        raise TypeError(f"mask must be a boolean Tensor, got {mask.dtype if isinstance(mask, Tensor) else type(mask).__name__}")
    return ops.broadcast_to(mask, np.broadcast_shapes(input._array.shape, mask._array.shape))


def _kept(input: Tensor, mask: Tensor | None, identity: Any) -> Any:
    """The elements where the mask is True, the identity elsewhere."""
    m = _mask(input, mask)
    if m is None:
        return input
    return ops.where(m, input, wrap(np.asarray(identity, input._array.dtype)))


def _dims(dim: Dims, input: Tensor) -> tuple[int, ...]:
    found = dims_of(dim, input._array.ndim)
    if len(set(found)) != len(found):
        raise RuntimeError(f"dim={next(d for d in found if found.count(d) > 1)} appears multiple times in the list of dims")
    return found or tuple(range(input._array.ndim))


def _to(input: Tensor, dtype: Any) -> Any:
    return input if dtype is None else input.to(dtype)


def _wide(input: Tensor, dtype: Any) -> Any:
    """Sums of whole numbers are of int64."""
    return _to(input, dt.int64 if dtype is None and input.dtype.category < 2 else dtype)


def _limit(input: Tensor, low: bool) -> Any:
    kind = input._array.dtype
    if kind.kind in "fV":
        return -math.inf if low else math.inf
    return kind.kind != "b" and (np.iinfo(kind).min if low else np.iinfo(kind).max)


def sum(input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """The sum of what the mask keeps; 0 of nothing."""
    x = _kept(_wide(input, dtype), mask, 0)
    return ops.sum(x, _dims(dim, x), keepdim) if x._array.ndim else x.clone()


def prod(input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """The product of what the mask keeps; 1 of nothing."""
    x = _kept(_wide(input, dtype), mask, 1)
    for d in sorted(_dims(dim, x) or (() if dim is None or dim == () else (0,)), reverse=True):
        x = ops.prod(x, d, keepdim)
    return x


def _extreme(f: Any, low: bool) -> Any:
    def call(input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None) -> Any:
        x = _to(input, dtype)
        return f(_kept(x, mask, _limit(x, low)), _dims(dim, x), keepdim)

    call.__name__ = call.__qualname__ = f.__name__
    call.__doc__ = f"The {'largest' if low else 'smallest'} of what the mask keeps."
    return call


amax, amin = _extreme(ops.amax, True), _extreme(ops.amin, False)


def _place(f: Any, low: bool) -> Any:
    def call(input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None) -> Any:
        x = _to(input, dtype)
        return f(_kept(x, mask, _limit(x, low)), dim, keepdim).to(x.dtype)

    call.__name__ = call.__qualname__ = f.__name__
    call.__doc__ = f"Where the {'largest' if low else 'smallest'} of what the mask keeps stands."
    return call


argmax, argmin = _place(ops.argmax, True), _place(ops.argmin, False)


def _running(f: Any, identity: int) -> Any:
    def call(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Any:
        x = _to(input, dtype)
        return f(_kept(x, mask, identity), dim).to(x.dtype)

    call.__name__ = call.__qualname__ = f.__name__
    call.__doc__ = f"`{f.__name__}`, with {identity} where the mask is False."
    return call


cumsum, cumprod = _running(ops.cumsum, 0), _running(ops.cumprod, 1)


def _count(input: Tensor, dim: tuple[int, ...], keepdim: bool, mask: Tensor | None) -> Any:
    whole = np.ones(input._array.shape, np.int64)
    m = _mask(input, mask)
    return wrap(np.asarray((whole if m is None else whole * m._array).sum(dim, keepdims=keepdim)))


def mean(input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """The mean of what the mask keeps; NaN of nothing."""
    x = _to(input, dtype)
    if x.dtype.category < 2:
        raise ValueError(f"masked.mean expects a floating point or complex dtype, got {x.dtype}") if x.dtype.category == 0 else RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {x.dtype.tensor_name}")
    dims = _dims(dim, x)
    return ops.div(sum(x, dim, keepdim=keepdim, mask=mask), _count(x, dims, keepdim, mask))


def median(input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """The median of what the mask keeps."""
    x = _to(input, dtype)
    if x.dtype.category < 2:
        raise ValueError(f"input must be floating point, got {x.dtype}")
    if mask is not None and bool(ops.isnan(x).any()):
        raise ValueError("masked median expects no fully masked out rows if using nan for masking")
    return ops.nanmedian(_kept(x, mask, math.nan), dim, keepdim)[0]


def logsumexp(input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """log of the sum of exponentials of what the mask keeps."""
    x = _to(input, dtype)
    wide = x if x.dtype.category >= 2 else x.to(dt.get_default_dtype())
    least = -math.inf if x.dtype.category != 1 else int(np.iinfo(x._array.dtype).min)
    return ops.logsumexp(_kept(wide, mask, least), _dims(dim, x), keepdim).to(x.dtype)


def logaddexp(input: Tensor, other: Tensor, *, dtype: Any = None, input_mask: Tensor | None = None, other_mask: Tensor | None = None) -> Any:
    """log(exp(input) + exp(other)), each under a mask of its own."""
    return ops.logaddexp(_kept(_to(input, dtype), input_mask, -math.inf), _kept(_to(other, dtype), other_mask, -math.inf))


def norm(input: Tensor, ord: float | None = 2.0, dim: Dims = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """The vector norm of what the mask keeps."""
    from .ops.api_linalg_spectral import vector_norm

    x = _to(input, dtype)
    order = 2.0 if ord is None else float(ord)
    return vector_norm(_kept(x, mask, math.inf if order < 0 else 0), order, _dims(dim, x), keepdim)


def _spread(input: Tensor, dim: Dims, correction: int, keepdim: bool, dtype: Any, mask: Tensor | None, root: bool) -> Any:
    x = _to(input, dtype if dtype is not None or input.dtype.category >= 2 else dt.get_default_dtype())
    dims = _dims(dim, x)
    count = _count(x, dims, True, mask)
    middle = ops.div(sum(x, dims, keepdim=True, mask=mask), count)
    away = _kept(x - middle, mask, 0)
    square = away * away.conj() if x.dtype.is_complex else away * away
    total = ops.sum(square.real if x.dtype.is_complex else square, dims, keepdim) if x._array.ndim else square
    if not keepdim:
        count = ops.reshape(count, total._array.shape)
    if correction:
        count = ops.clamp(count - correction, 0)
    y = ops.div(total, count).to(total.dtype)
    return ops.sqrt(y) if root else y


def var(input: Tensor, dim: Dims = None, unbiased: bool | None = None, *, correction: int | None = None, keepdim: bool = False, dtype: Any = None,
        mask: Tensor | None = None) -> Any:
    """The variance of what the mask keeps."""
    return _spread(input, dim, _correction(unbiased, correction), keepdim, dtype, mask, False)


def std(input: Tensor, dim: Dims = None, unbiased: bool | None = None, *, correction: int | None = None, keepdim: bool = False, dtype: Any = None,
        mask: Tensor | None = None) -> Any:
    """The standard deviation of what the mask keeps."""
    return _spread(input, dim, _correction(unbiased, correction), keepdim, dtype, mask, True)


def _correction(unbiased: bool | None, correction: int | None) -> int:
    if unbiased is not None and correction is not None:
        raise RuntimeError("unbiased and correction cannot be given both")
    return correction if correction is not None else int(unbiased is not False)


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """softmax over what the mask keeps."""
    return ops.softmax(_kept(_to(input, dtype), mask, -math.inf), dim)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """log softmax over what the mask keeps."""
    return ops.log_softmax(_kept(_to(input, dtype), mask, -math.inf), dim)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """softmax of the negative over what the mask keeps."""
    return ops.softmax(-_kept(_to(input, dtype), mask, math.inf), dim)


def normalize(input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Tensor | None = None) -> Any:
    """What the mask keeps, divided by its norm."""
    x = _to(input, dtype)
    size = norm(x, ord, dim, keepdim=True, mask=mask)
    return ops.div(_kept(x, mask, 0), ops.maximum(size, wrap(np.asarray(eps, size._array.dtype))))


_NORMALIZING = ("softmax", "log_softmax", "softmin", "normalize", "cumsum", "cumprod")


def _input_mask(input: Tensor, *args: Any, mask: Tensor | None = None, **named: Any) -> Any:
    m = _mask(input, mask)
    return m if m is not None else ops.ones_like(input, dtype=dt.bool_)


def _output_mask(f: Any, input: Tensor, *args: Any, **named: Any) -> Any:
    """Which elements of a result some element of the input was kept for."""
    mask = _input_mask(input, mask=named.get("mask"))
    if f.__name__ in _NORMALIZING:
        return mask
    args = args[1:] if f.__name__ == "norm" else args
    return ops.any(mask, _dims(args[0] if args else named.get("dim"), input), named.get("keepdim", False)) if input._array.ndim else mask


__all__ = ["amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm", "normalize", "prod", "softmax",
           "softmin", "std", "sum", "var"]
