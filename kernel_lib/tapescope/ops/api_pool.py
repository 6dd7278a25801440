"""Pooling with PyTorch's signatures. One dimension is two with a single row, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.random import default_generator
from ..core.tensor import Tensor, wrap
from . import pick, pool, resample, shape
from . import pointwise as pw
from .api_conv import batched
from .api_reduce import mean
from .pool_checks import geometry, line, sizes, strides, target, two_or_three
from .strided import squeeze_dim


def _one_row(function: Any, input: Tensor) -> Any:
    """A function of images, on sequences."""
    row = input._array.ndim - 1
    y = function(shape.unsqueeze(input, row))
    return (squeeze_dim(y[0], (row,)), wrap(y[1]._array.squeeze(row))) if isinstance(y, tuple) else squeeze_dim(y, (row,))


def _least(x: Tensor) -> Any:
    return -np.inf if x._array.dtype.kind in "fV" else int(np.iinfo(x._array.dtype).min)


def _max_pool(d: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, return_indices: bool) -> Any:
    name = f"max_pool{d}d"
    k, s, p, dil, extra = geometry(input, d, name, kernel_size, stride, padding, dilation, ceil_mode)
    x, single = batched(input, d, name)
    wide, border = x, p
    if any(extra):
        wide, border = shape.pad(x, ((0, 0), (0, 0), *((a, a + e) for a, e in zip(p, extra, strict=True))), _least(x)), (0,) * d
    y = pool.max_pool[d](wide, k, s, border, dil)
    y = squeeze_dim(y, (0,)) if single else y
    if not return_indices:
        return y
    winner = pool.max_pool[d].op.forward(wide._array, k, s, border, dil)[1]
    indices = pool.max_pool_indices(x._array, winner, k, s, p, dil)
    return y, wrap(indices[0] if single else indices)


def max_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest element of every window of [N, C, L]."""
    k = sizes(kernel_size, 1, "kernel_size", "max_pool1d")
    s, p, d = strides(stride, k, "max_pool1d"), sizes(padding, 1, "padding", "max_pool1d"), sizes(dilation, 1, "dilation", "max_pool1d")
    if return_indices:
        two_or_three(input, "max_pool1d")
    else:
        line(input, k[0], s[0], p[0], d[0], ceil_mode)
    return _one_row(lambda x: _max_pool(2, x, (1, *k), (1, *s), (0, *p), (1, *d), ceil_mode, return_indices), input)


def max_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest element of every window of [N, C, H, W]."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
               return_indices: bool = False) -> Any:
    """The largest element of every window of [N, C, D, H, W]."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(d: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool, divisor_override: int | None) -> Tensor:
    name = f"avg_pool{d}d"
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    k, s, p, _, extra = geometry(input, d, name, kernel_size, stride, padding, 1, ceil_mode)
    x, single = batched(input, d, name)
    y = pool.avg_pool[d](x, k, s, p, extra, count_include_pad, divisor_override)
    return squeeze_dim(y, (0,)) if single else y


def avg_pool1d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> Tensor:
    """The mean of every window of [N, C, L]."""
    k = sizes(kernel_size, 1, "kernel_size", "avg_pool1d")
    s, p = strides(stride, k, "avg_pool1d"), sizes(padding, 1, "padding", "avg_pool1d")
    two_or_three(input, "avg_pool1d")
    made: Tensor = _one_row(lambda x: _avg_pool(2, x, (1, *k), (1, *s), (0, *p), ceil_mode, count_include_pad, None), input)
    return made


def avg_pool2d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:
    """The mean of every window of [N, C, H, W]."""
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True,
               divisor_override: int | None = None) -> Tensor:
    """The mean of every window of [N, C, D, H, W]."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def lp_pool(d: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    """(Σ x^p)^(1/p) over every window."""
    averages = {1: avg_pool1d, 2: avg_pool2d, 3: avg_pool3d}[d](input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    many = int(np.prod(sizes(kernel_size, d, "kernel_size", f"lp_pool{d}d")))
    made: Tensor = (pw.sign(averages) * pw.relu(pw.abs(averages))).mul(many).pow(1.0 / norm_type)
    return made


# -- to a size that is asked for ----------------------------------------------------------------------------------------------------------------


def _adaptive_avg(d: int, input: Tensor, output_size: Any) -> Tensor:
    out = target(input, output_size, d, f"adaptive_avg_pool{d}d")
    if all(o == 1 for o in out):
        return mean(input, tuple(range(-d, 0)), True)
    x, single = batched(input, d, f"adaptive_avg_pool{d}d")
    y = resample.WAYS[f"adaptive_avg{d}"](x, tuple(resample.averages(n, o) for n, o in zip(x._array.shape[2:], out, strict=True)))
    return squeeze_dim(y, (0,)) if single else y


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean over windows chosen so that the output is as long as asked."""
    o = target(input, output_size, 1, "adaptive_avg_pool1d")
    made: Tensor = _one_row(lambda x: _adaptive_avg(2, x, (1, *o)), input)
    return made


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean over windows chosen so that the output has the asked size."""
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The mean over windows chosen so that the output has the asked size."""
    return _adaptive_avg(3, input, output_size)


def _picking(d: int, function: Any, x: Tensor, lines: Any, single: bool, return_indices: bool) -> Any:
    y = function(x, lines)
    y = squeeze_dim(y, (0,)) if single else y
    if not return_indices:
        return y
    indices = function.op.forward(x._array, lines)[1]
    return y, wrap(indices[0] if single else indices)


def _adaptive_max(d: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    out = target(input, output_size, d, f"adaptive_max_pool{d}d")
    x, single = batched(input, d, f"adaptive_max_pool{d}d")
    lines = pick.adaptive_lines(x._array.shape[2:], out)
    return _picking(d, pick.adaptive_max_pool[d], x, lines, single, return_indices)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of windows chosen so that the output is as long as asked."""
    o = target(input, output_size, 1, "adaptive_max_pool1d")
    return _one_row(lambda x: _adaptive_max(2, x, (1, *o), return_indices), input)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of windows chosen so that the output has the asked size."""
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of windows chosen so that the output has the asked size."""
    return _adaptive_max(3, input, output_size, return_indices)


def _fractional(d: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, return_indices: bool, samples: Tensor | None) -> Any:
    name = f"fractional_max_pool{d}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    x, single = batched(input, d, name)
    k = sizes(kernel_size, d, "kernel_size", name)
    size = x._array.shape[2:]
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * d
        out = tuple(int(n * r) for n, r in zip(size, ratios, strict=True))
    else:
        out = sizes(output_size, d, "output_size", name)
    for n, o, w in zip(size, out, k, strict=True):
        if o + w - 1 > n:
            raise RuntimeError(f"{name}(): pool {'height' if d == 2 else 'time'} {w} too large relative to input {'height' if d == 2 else 'time'} {n}")
    n, c = x._array.shape[:2]
    if samples is None:
        u = default_generator.uniform(n * c * d, x._array.dtype).reshape(n, c, d)
    else:
        u = samples._array[:n]
    # PyTorch draws width before height
    return _picking(d, pick.fractional_max_pool[d], x, pick.fractional_lines(size, out, k, u[..., ::-1] if d == 2 else u), single, return_indices)


def fractional_max_pool2d(input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
                          _random_samples: Tensor | None = None) -> Any:
    """The largest of windows at pseudo-random intervals. Graham, 2015."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool3d(input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
                          _random_samples: Tensor | None = None) -> Any:
    """The largest of windows at pseudo-random intervals. Graham, 2015."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


# -- back ---------------------------------------------------------------------------------------------------------------------------------------


def _unpool(d: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Tensor:
    name = f"max_unpool{d}d"
    k, p = sizes(kernel_size, d, "kernel_size", name), sizes(padding, d, "padding", name)
    s = k if stride is None else sizes(stride, d, "stride", name)
    x, single = batched(input, d, name)
    i = indices._array[None] if single else indices._array
    if i.shape != x._array.shape:
        raise RuntimeError(f"Expected shape of indices to be same as that of the input tensor ({list(input._array.shape)}) but got indices tensor with shape: "
                           f"{list(indices._array.shape)}")
    usual = [(n - 1) * s[a] + k[a] - 2 * p[a] for a, n in enumerate(x._array.shape[2:])]
    out = usual if output_size is None else [int(v) for v in output_size][-d:]
    if output_size is not None:
        if len(output_size) not in (d, d + 2):
            raise ValueError(f"output_size should be a sequence containing {d} or {d + 2} elements, but it has a length of '{len(output_size)}'")
        for a in range(d):
            low, high = usual[a] - s[a], usual[a] + s[a]
            if not low < out[a] < high:
                raise ValueError(f"invalid output_size \"{out}\" (dim {a} must be between {low} and {high})")
    many = int(np.prod(out))
    if i.size and not (int(i.min()) >= 0 and int(i.max()) < many):
        raise RuntimeError(f"Found an invalid max index: {int(i.max())} (output volumes are of size {'x'.join(map(str, out))}")
    y = pick.max_unpool[d](x, i, (*x._array.shape[:2], *out))
    return squeeze_dim(y, (0,)) if single else y


def max_unpool1d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """Zeros with the elements of a pooled sequence where they came from."""
    k, p = sizes(kernel_size, 1, "kernel_size", "max_unpool1d"), sizes(padding, 1, "padding", "max_unpool1d")
    s = k if stride is None else sizes(stride, 1, "stride", "max_unpool1d")
    out = None if output_size is None else (1, list(output_size)[-1])
    i = wrap(np.expand_dims(indices._array, input._array.ndim - 1))
    made: Tensor = _one_row(lambda x: _unpool(2, x, i, (1, *k), (1, *s), (0, *p), out), input)
    return made


def max_unpool2d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """Zeros with the elements of a pooled image where they came from."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Tensor:
    """Zeros with the elements of a pooled volume where they came from."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
