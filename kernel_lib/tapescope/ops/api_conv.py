"""Convolutions with PyTorch's signatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.autocast import lower
from ..core.state import numbers
from ..core.tensor import Tensor
from . import conv as cv
from . import shape
from .strided import squeeze_dim

Sizes = tuple[int, ...]


def sizes(value: Any, d: int, name: str, function: str) -> Sizes:
    """One number for every spatial dimension."""
    if isinstance(value, (int, np.integer)):
        return (int(value),) * d
    found = tuple(int(v) for v in value)
    if len(found) == 1:
        return found * d
    if len(found) != d:
        raise RuntimeError(f"expected {name} to be a single integer value or a list of {d} values to match the convolution dimensions, but got "
                           f"{name}={list(found)}")
    return found


def batched(t: Tensor, d: int, name: str) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether it had none."""
    if t._array.ndim == d + 1:
        return shape.unsqueeze(t, 0), True
    if t._array.ndim != d + 2:
        raise RuntimeError(f"Expected {d + 1}D (unbatched) or {d + 2}D (batched) input to {name}, but got input of size: {list(t._array.shape)}")
    return t, False


def named(what: str, values: Sizes, row: int, join: str) -> str:
    """Numbers with the names of their axes, as PyTorch says them; a sequence is an image of one row."""
    given = (row, *values) if len(values) == 1 else values
    return join.join(f"{what}_{axis}: {v}" for axis, v in zip(("depth", "height", "width")[-len(given):], given, strict=True))


def _checked(input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int, transposed: bool) -> None:
    x, w = input._array.shape, weight._array.shape
    d = len(stride)
    if len(w) < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if len(w) != d + 2:
        raise RuntimeError(f"Expected {len(w)}-dimensional input for {len(w)}-dimensional weight {list(w)}, but got {len(x)}-dimensional input of size {list(x)} instead")
    if any(v < 0 for v in padding):
        raise RuntimeError("negative padding is not supported")
    if any(v <= 0 for v in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(v < 0 for v in dilation):
        raise RuntimeError("dilation should be greater than zero")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if w[0] % groups or w[0] < groups:
        raise RuntimeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {list(w)} instead" if w[0] < groups else
                           f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{list(w)}] instead")
    channels, out = (w[0], w[1] * groups) if transposed else (w[1] * groups, w[0])
    if x[1] != channels:
        kind = "transposed=1, " if transposed else ""
        from ..core.shapes import Row, drawn

        error = RuntimeError(f"Given {kind}weight of size {list(w)}, expected input{list(x)} to have {channels} channels, but got {x[1]} channels instead"
                             if transposed else f"Given groups={groups}, weight of size {list(w)}, expected input{list(x)} to have {channels} channels, but got "
                             f"{x[1]} channels instead")
        last = len(x) - 1
        fits = f"an input of shape {[x[0], channels, *x[2:]]}"
        if x[last] == channels:
            fits = f"input.permute(0, {last}, {', '.join(map(str, range(1, last)))}), for the channels stand last"
        raise drawn(error, [Row("input", x, 0, input), Row("weight", w, 1 if transposed else 0, weight)], [1], fits)
    if bias is not None and bias._array.shape != (out,):
        raise RuntimeError(f"Given {'transposed=1, ' if transposed else ''}weight of size {list(w)}, expected bias to be 1-dimensional with {out} elements, "
                           f"but got bias of size {list(bias._array.shape)} instead")
    if 0 in w[2:]:
        raise RuntimeError("kernel size should be greater than zero, but got" + (f": {' x '.join(map(str, w[2:]))} (TxHxW)" if d == 3 else f" {named('kernel', w[2:], 1, ' ')}"))
    if 0 in dilation:
        raise RuntimeError(f"dilation should be greater than zero, but got {named('dilation', dilation, 1, ', ') if transposed else [1, *dilation][-max(d, 2):]}")
    if not transposed:
        have = [x[2 + i] + 2 * padding[i] for i in range(d)]
        need = [dilation[i] * (w[2 + i] - 1) + 1 for i in range(d)]
        if any(h < n for h, n in zip(have, need, strict=True)):
            raise RuntimeError(f"Calculated padded input size per channel: ({' x '.join(map(str, have))}). Kernel size: ({' x '.join(map(str, need))}). "
                               "Kernel size can't be greater than actual input size")
    if input._array.dtype != weight._array.dtype:
        raise RuntimeError(f"Input type ({input.dtype.tensor_name}) and weight type ({weight.dtype.tensor_name}) should be the same")
    if bias is not None and bias._array.dtype != input._array.dtype:
        raise RuntimeError(f"Input type ({input.dtype.tensor_name}) and bias type ({bias.dtype.tensor_name}) should be the same")


def _conv(d: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int) -> Tensor:
    if numbers.autocast:
        input, weight, bias = lower(input, weight, bias)
    name = f"conv{d}d"
    x, single = batched(input, d, name)
    s, dil = sizes(stride, d, "stride", name), sizes(dilation, d, "dilation", name)
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if weight._array.ndim != d + 2 or any(v < 1 for v in dil):
            _checked(x, weight, bias, s, (0,) * d, dil, groups, False)
        totals = [dil[i] * (weight._array.shape[2 + i] - 1) if padding == "same" else 0 for i in range(d)]
        if padding == "same" and any(v != 1 for v in s):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        if any(t % 2 for t in totals):
            x = shape.pad(x, ((0, 0), (0, 0), *((t // 2, t - t // 2) for t in totals)), 0)
            totals = [0] * d
        padding = tuple(t // 2 for t in totals)
    p = sizes(padding, d, "padding", name)
    _checked(x, weight, bias, s, p, dil, groups, False)
    y = cv.convolution(x, weight, bias, s, p, dil, groups)
    return squeeze_dim(y, (0,)) if single else y


def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """Cross-correlation of [N, C, L] (or [C, L]) with [O, C/groups, k]."""
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """Cross-correlation of [N, C, H, W] (or [C, H, W]) with [O, C/groups, kh, kw]."""
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """Cross-correlation of [N, C, D, H, W] (or [C, D, H, W]) with [O, C/groups, kd, kh, kw]."""
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(d: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, output_padding: Any, groups: int,
                    dilation: Any) -> Tensor:
    if numbers.autocast:
        input, weight, bias = lower(input, weight, bias)
    name = f"conv_transpose{d}d"
    x, single = batched(input, d, name)
    s, p, dil = sizes(stride, d, "stride", name), sizes(padding, d, "padding", name), sizes(dilation, d, "dilation", name)
    extra = sizes(output_padding, d, "output_padding", name)
    if any(e < 0 for e in extra):
        raise RuntimeError("negative output_padding is not supported")
    _checked(x, weight, bias, s, p, dil, groups, True)
    if any(e >= max(a, b) for e, a, b in zip(extra, s, dil, strict=True)):
        raise RuntimeError("output padding must be smaller than either stride or dilation, but got "
                           f"{named('output_padding', extra, 0, ' ')} {named('stride', s, 1, ' ')} {named('dilation', dil, 1, ' ')}")
    n, _, *size = x._array.shape
    _, o, *kernel = weight._array.shape
    out = [(h - 1) * s[i] - 2 * p[i] + dil[i] * (kernel[i] - 1) + extra[i] + 1 for i, h in enumerate(size)]
    if any(v <= 0 for v in out):
        before, after = (" x ".join(map(str, [1, *v][-max(d, 2):])) for v in (size, out))
        raise RuntimeError(f"Given input size per channel: ({before}). Calculated output size per channel: ({after}). Output size is too small")
    y = cv.conv_transpose(x, weight, bias, (n, o * groups, *out), s, p, dil, groups)
    return squeeze_dim(y, (0,)) if single else y


def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
                     dilation: Any = 1) -> Tensor:
    """The transpose of a convolution over [N, C, L], with weights [C, O/groups, k]."""
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
                     dilation: Any = 1) -> Tensor:
    """The transpose of a convolution over [N, C, H, W], with weights [C, O/groups, kh, kw]."""
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
                     dilation: Any = 1) -> Tensor:
    """The transpose of a convolution over [N, C, D, H, W], with weights [C, O/groups, kd, kh, kw]."""
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """One-dimensional convolution of [T, N, C] with [k, C, O]."""
    return _conv(1, input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad, 1, 1).permute(2, 0, 1)
