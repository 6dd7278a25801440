"""Names of PyTorch that are a line each: other spellings, questions about tensors, what its layers are called below the surface."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.arrays import beside
from ..core.random import Generator, default_generator
from ..core.tensor import Tensor, wrap
from . import shape
from .api_shape import clone
from .complex import adjoint as _adjoint
from .complex import view_as_complex, view_as_real
from .whole import one_node

_MODES, _PADDING = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def H(input: Tensor) -> Tensor:
    """A matrix transposed and conjugated."""
    n = input._array.ndim
    if n not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {n}-D tensor. For batches of matrices, consider using tensor.mH")
    return _adjoint(input) if n else input.conj()


def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex numbers."""
    return input.dtype.is_complex


def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input.dtype.is_signed


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero."""
    if input._array.size != 1:
        raise RuntimeError("Boolean value of Tensor with no values is ambiguous" if not input._array.size
                           else "Boolean value of Tensor with more than one value is ambiguous")
    return bool(input._array.item())


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return bool(getattr(input, "_inference", False))


def typename(obj: Any) -> str:
    """What PyTorch calls the type of a tensor, or of anything else."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    cls = obj if isinstance(obj, type) else type(obj)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def get_device(input: Tensor) -> int:
    """The number of the GPU that holds the tensor; -1 on the CPU."""
    return int(input._array.device.id) if input.is_cuda else -1


def asarray(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of anything, sharing memory where that is possible and `copy` is not True."""
    from .creation import as_tensor, tensor

    if copy:
        made = clone(obj).detach() if isinstance(obj, Tensor) else tensor(obj, dtype=dtype, device=device)
        made = made.to(dtype=dtype, device=device) if dtype is not None or device is not None else made
    else:
        made = as_tensor(obj, dtype=dtype, device=device)
        if copy is False and isinstance(obj, (Tensor, np.ndarray)) and not np.shares_memory(made._array, obj._array if isinstance(obj, Tensor) else obj):
            raise ValueError("can't alias arbitrary sequence into a tensor: the dtype or the device would change")
    return made.requires_grad_(requires_grad) if requires_grad else made


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A line of elements that shares memory with a buffer."""
    if len(memoryview(buffer)) == 0 or count == 0:
        raise ValueError(f"both buffer length ({len(memoryview(buffer))}) and count ({count}) must not be 0")
    return wrap(np.frombuffer(buffer, dt.as_dtype(dtype).dtype, count, offset)).requires_grad_(requires_grad)


def range_(start: float = 0, end: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """Numbers from start to end, the end included. Deprecated in PyTorch, too: `arange` leaves it out."""
    import warnings

    from .creation import finish

    warnings.warn("torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's range builtin. Instead, "
                  "use torch.arange, which produces values in [start, end).", stacklevel=2)
    if end is None:
        start, end = 0, start
    kind = dt.get_default_dtype() if dtype is None else dt.as_dtype(dtype)
    return finish((start + step * np.arange(int((end - start) / step) + 1)).astype(kind.dtype), None, device, requires_grad)


def constant_pad_nd(input: Tensor, pad: Any, value: float = 0) -> Tensor:
    """`nn.functional.pad` with a constant."""
    from .api_image import pad as widened

    return widened(input, pad, "constant", value)


def grid_sampler(input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Tensor:
    """`nn.functional.grid_sample`, its modes given by number."""
    from .api_image import grid_sample

    return grid_sample(input, grid, _MODES[interpolation_mode], _PADDING[padding_mode], align_corners)


grid_sampler_2d = grid_sampler_3d = grid_sampler


def _moments(x: Tensor, dims: tuple[int, ...], eps: float, keepdim: bool) -> tuple[Tensor, Tensor]:
    from .api_reduce import mean, var
    from .pointwise import rsqrt

    return mean(x, dims, keepdim), rsqrt(var(x, dims, correction=0, keepdim=keepdim) + eps)


def native_layer_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None, bias: Tensor | None, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(layer_norm, mean, 1 / standard deviation)."""
    from .api_norm import layer_norm

    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t._array.shape != tuple(normalized_shape):
            raise RuntimeError(f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(t._array.shape)} and normalized_shape = "
                               f"{list(normalized_shape)}")
    y = layer_norm(input, normalized_shape, weight, bias, eps)
    return y, *_moments(input, tuple(builtins.range(input._array.ndim - len(normalized_shape), input._array.ndim)), eps, True)


def native_group_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(group_norm, mean, 1 / standard deviation)."""
    from .api_norm import group_norm

    return group_norm(input, group, weight, bias, eps), *_moments(input.reshape(N, group, C // group * HxW), (2,), eps, False)


def native_batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, training: bool, momentum: float,
                      eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(batch_norm, mean, 1 / standard deviation), the latter two of training only."""
    from .api_norm import batch_norm

    y = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        empty = np.empty(0, input._array.dtype)
        return y, wrap(empty), wrap(empty.copy())
    mean, rstd = _moments(input.detach(), (0, *builtins.range(2, input._array.ndim)), eps, False)
    return y, mean, rstd


def _one_poisson(rate: float, g: Generator) -> float:
    """Knuth's product of uniform numbers for small rates, Hoermann's transformed rejection (1993) from 10 on."""
    if rate == 0:
        return 0.0
    if rate < 10:
        least, product, k = math.exp(-rate), 1.0, 0
        while True:
            product *= float(g.uniform(1, np.float64)[0])
            if product <= least:
                return float(k)
            k += 1
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse, tight, log_rate = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2), math.log(rate)
    while True:
        u, v = (g.uniform(2, np.float64) - (0.5, 0.0)).tolist()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43) if us else -1
        if us >= 0.07 and v <= tight:
            return float(k)
        if k < 0 or us < 0.013 and v > us or v <= 0:
            continue
        if math.log(v) + math.log(inverse) - math.log(a / (us * us) + b) <= -rate + k * log_rate - math.lgamma(k + 1):
            return float(k)


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Random counts with these means: PyTorch's after the same seed for up to 4096 of them, more of them by NumPy from the same generator."""
    g, rate = generator or default_generator, np.asarray(input._array)
    if rate.size and rate.min() < 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate.size > 4096:
        with g._lock:
            return wrap(g._state.poisson(rate.astype(np.float64)).astype(rate.dtype))
    return wrap(np.array([_one_poisson(float(r), g) for r in rate.reshape(-1)], rate.dtype).reshape(rate.shape))


def detach(input: Tensor) -> Tensor:
    """The same memory outside the graph."""
    return input.detach()


def detach_copy(input: Tensor) -> Tensor:
    """A copy outside the graph."""
    return clone(input).detach()


def view_as_real_copy(input: Tensor) -> Tensor:
    """`view_as_real`, copied."""
    return clone(view_as_real(input))


def view_as_complex_copy(input: Tensor) -> Tensor:
    """`view_as_complex`, copied."""
    return clone(view_as_complex(input))


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of each number of a line, as rows; the highest first unless `increasing`."""
    from .api_linalg_spectral import vander as columns

    if x._array.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    y = columns(x, N=N)
    return y if increasing else shape.flip(y, (1,))


def fill_diagonal_(input: Tensor, fill_value: float, wrap: bool = False) -> Tensor:
    """Writes a number onto the diagonal; `wrap` goes on below it in tall matrices."""
    a = input._array
    if a.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if a.ndim > 2 and len(set(a.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    from ..core.inplace import assign
    from .pointwise import masked_fill

    mask = np.zeros(a.shape, bool)
    np.fill_diagonal(mask, True, wrap)
    return assign(lambda t: masked_fill(t, mask, fill_value), input)


def apply_(input: Tensor, f: Any) -> Tensor:
    """Replaces every element by f of it, one Python call each."""
    if input.requires_grad:
        raise TypeError("apply_ is only implemented on CPU tensors that do not require grad")
    a = input._array
    a[...] = np.reshape([f(v) for v in a.reshape(-1).tolist()], a.shape)
    input.bump()
    return input


def map_(input: Tensor, other: Tensor, f: Any) -> Tensor:
    """Replaces every element by f of it and of the element of `other`."""
    a, b = input._array, np.broadcast_to(other._array, input._array.shape)
    a[...] = np.reshape([f(v, w) for v, w in zip(a.reshape(-1).tolist(), b.reshape(-1).tolist(), strict=True)], a.shape)
    input.bump()
    return input


def new(input: Tensor, *args: Any) -> Tensor:
    """A tensor of the same dtype, by the legacy constructor."""
    return Tensor(*args).to(input.dtype)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The p-norm distance of every pair of rows, i < j."""
    if input._array.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input._array.ndim}D")
    return _pairs(input, float(p))


@one_node("pdist", "PdistBackward0", r"\lVert {x0}_i - {x0}_j \rVert_p", 1, r"\bar{x}_i = \textstyle\sum_j \bar{y}_{ij}\,\partial \lVert x_i - x_j \rVert_p")
def _pairs(x: Tensor, p: float) -> Tensor:
    from .api_index import index_select
    from .api_reduce import norm

    i, j = np.triu_indices(x._array.shape[0], 1)
    i, j = beside(x._array, i), beside(x._array, j)
    return norm(index_select(x, 0, wrap(i)) - index_select(x, 0, wrap(j)), p, -1)


def set_default_tensor_type(t: Any) -> None:
    """Sets the default dtype by a legacy name: "torch.FloatTensor", "torch.DoubleTensor", "torch.HalfTensor"."""
    name = t if isinstance(t, str) else t.__name__
    known = {"FloatTensor": dt.float32, "DoubleTensor": dt.float64, "HalfTensor": dt.float16}
    found = known.get(name.rpartition(".")[2])
    if found is None:
        raise TypeError(f"invalid type object: only floating-point types are supported as the default type; got {name}")
    dt.set_default_dtype(found)
