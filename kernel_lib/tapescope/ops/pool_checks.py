"""What a pooling's windows may be: PyTorch's checks, in PyTorch's order and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from .api_shape import dim_of

Sizes = tuple[int, ...]
Geometry = tuple[Sizes, Sizes, Sizes, Sizes, Sizes]

_AXES = {2: "HW", 3: "THW"}


def sizes(value: Any, d: int, name: str, function: str) -> Sizes:
    """One number for each of `d` dimensions."""
    if isinstance(value, (int, np.integer)):
        return (int(value),) * d
    found = tuple(int(v) for v in value)
    if len(found) not in (1, d):
        if d > 1:
            raise RuntimeError(f"{function}: {name} must either be a single int, or a tuple of {'two' if d == 2 else 'three'} ints")
        if function != "max_pool1d":
            raise RuntimeError(f"{function}() argument '{name}' should contain one int (got {len(found)})")
        what = {"stride": "None, an int, list of ints, or tuple of ints", "padding": "an int, list of ints, or tuple of ints"}.get(name, "an int, list of ints or tuple of ints")
        raise RuntimeError(f"{function}() {name} must be {what} of size 1 but got size {len(found)}")
    return found * d if len(found) == 1 else found


def strides(value: Any, kernel: Sizes, function: str) -> Sizes:
    """The stride: the kernel's size where none is given."""
    return kernel if value is None or (isinstance(value, Sequence) and not value) else sizes(value, len(kernel), "stride", function)


def two_or_three(t: Tensor, function: str) -> None:
    """A sequence of vectors, or a batch of them."""
    n = t._array.ndim
    if n not in (2, 3):
        raise RuntimeError(f"Expected 2 to 3 dimensions, but got {n}-dimensional tensor for argument #1 'self' (while checking arguments for {function})")


def _length(n: int, k: int, s: int, p: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows there are."""
    room = n + 2 * p - dilation * (k - 1) - 1
    out = (room + (s - 1 if ceil_mode else 0)) // s + 1
    return out - 1 if ceil_mode and (out - 1) * s >= n + p else out        # a window that begins in the border behind does not count


def line(t: Tensor, k: int, s: int, p: int, dilation: int, ceil_mode: bool) -> None:
    """max_pool1d's own."""
    shape = t._array.shape
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(f"max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}")
    for name, value in (("kernel_size", k), ("stride", s)):
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {name} must be greater than zero, but got {value}")
    if p < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {p}")
    if p > k // 2:
        raise RuntimeError(f"max_pool1d() padding should be at most half of kernel size, but got padding={p} and kernel_size={k}")
    if dilation <= 0:
        raise RuntimeError(f"max_pool1d() dilation must be greater than zero, but got {dilation}")
    if (out := _length(shape[-1], k, s, p, dilation, ceil_mode)) <= 0:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {out}")


def geometry(t: Tensor, d: int, name: str, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Geometry:
    """Kernel, stride, padding, dilation, and what ceil_mode adds behind the last row."""
    k = sizes(kernel, d, "kernel_size", name)
    s, p, dil = strides(stride, k, name), sizes(padding, d, "padding", name), sizes(dilation, d, "dilation", name)
    shape = t._array.shape
    if name == "avg_pool2d":
        dim_of(-3, len(shape))
    elif len(shape) not in (d + 1, d + 2):
        raise RuntimeError(f"non-empty {d + 1}D or {d + 2}D (batch mode) tensor expected for input")
    for kernel_, step, pad, apart in zip(k, s, p, dil, strict=True):
        if step == 0:
            raise RuntimeError("stride should not be zero")
        if pad < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {pad}")
        if pad > int((apart * (kernel_ - 1) + 1) / 2):
            raise RuntimeError(f"pad should be at most half of effective kernel size, but got pad={pad}, kernel_size={kernel_} and dilation={apart}")
    axes = _AXES[d]
    for what, letter, values in (("kernel size", "k", k), ("stride", "d", s), ("dilation", "dilation", dil)):
        if any(v <= 0 for v in values):
            raise RuntimeError(f"{what} should be greater than zero, but got {_listed(letter, axes, values)}")
    (_not_empty_images if d == 2 else _not_empty_volumes)(shape, name)
    if name == "avg_pool3d" and any(n < v for n, v in zip(shape[-d:], k, strict=True)):
        raise RuntimeError(f"input image ({_listed('', axes, shape[-d:])}) smaller than kernel size ({_listed('k', axes, k)})")
    if any(pad > v // 2 for pad, v in zip(p, k, strict=True)):
        of = ", ".join(f"{what}{axes[i]} = {values[i]}" for what, values in (("pad", p), ("k", k)) for i in (1, 0)) if d == 2 else " ".join(
            f"{what}{axes[i]}: {values[i]}" for what, values in (("k", k), ("pad", p)) for i in (0, 2, 1))
        raise RuntimeError(f"pad should be smaller than or equal to half of kernel size, but got {of}")
    out = [_length(n, *each, ceil_mode) for n, each in zip(shape[-d:], zip(k, s, p, dil, strict=True), strict=True)]
    if min(out) < 1:
        channels = shape[-d - 1]
        raise RuntimeError(f"Given input size: ({'x'.join(map(str, shape[-d - 1:]))}). Calculated output size: ({'x'.join(map(str, [channels, *out]))}). Output size is too small")
    extra = tuple(max((o - 1) * s[i] - (shape[i - d] + 2 * p[i] - dil[i] * (k[i] - 1) - 1), 0) for i, o in enumerate(out))
    return k, s, p, dil, extra


def _listed(what: str, axes: str, values: Sizes) -> str:
    return " ".join(f"{what}{a}: {v}" for a, v in zip(axes, values, strict=True))


def _not_empty_images(shape: Sizes, name: str) -> None:
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}")


def _not_empty_volumes(shape: Sizes, name: str) -> None:
    if 0 in shape[-4:]:                                    # the number it names is the size of the dimension, here and in PyTorch
        function = "max_pool3d_with_indices_out_cpu_template" if name == "max_pool3d" else name
        raise RuntimeError(f"{function}(): Expected input's non-batch dimensions to have positive length, but input has a shape of {list(shape)} and non-batch dimension 0 "
                           "has length zero!")


def target(t: Tensor, output_size: Any, d: int, name: str) -> Sizes:
    """The size that an adaptive pooling is asked for; None in it keeps a dimension."""
    shape, kind = t._array.shape, "max" if "max" in name else "avg"
    if d == 1:
        two_or_three(t, name)
    elif isinstance(output_size, (tuple, list)) and len(shape) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    asked = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * d
    if d == 1 and len(asked) != 1:
        raise RuntimeError(f"{name}() argument 'output_size' should contain one int (got {len(asked)})")
    out = tuple(n if o is None else int(o) for n, o in zip(shape[-d:], asked, strict=False))
    if kind == "avg" and d > 1:
        if len(asked) != d:
            raise RuntimeError(f"{name}: output_size must be {d}")
        if any(o < 0 for o in out):
            raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0 but received {{{f', {out[1]},'.join(map(str, out[::2])) if d == 3 else f'{out[0]}, {out[1]}'}}}")
    if kind == "avg" and (d == 1 or out == (1,) * d):
        return out
    if kind == "max" and d > 1 and len(shape) not in (d + 1, d + 2):
        raise RuntimeError(f"{name}(): Expected {d + 1}D or {d + 2}D tensor, but got: {list(shape)}")
    for i in range(1 if kind == "max" or d == 3 else len(shape) - d, len(shape)):
        if shape[i] == 0:
            raise RuntimeError(f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {list(shape)} with dimension {i} being empty")
    if len(shape) not in (d + 1, d + 2):
        raise RuntimeError(f"{name}(): Expected {d + 1}D or {d + 2}D tensor, but got {list(shape)}")
    if len(asked) != d:
        raise RuntimeError(f"{name}(): internal error: output_size.size() must be {d}")
    if any(o < 0 for o in out) and d > 1:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(out)}: {[*shape[:-d], *out]}")
    return out
