"""Images and sequences as grids: borders, sizes, samples, patches, with PyTorch's signatures."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from . import resample, sample, shape
from .api_pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from .strided import squeeze_dim

_LINEAR = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Widens dimensions from the last one backwards, (left, right, top, bottom, ...): "constant", "reflect", "replicate" or "circular"."""
    widths = [int(p) for p in pad]
    n = input._array.ndim
    if len(widths) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, got {len(widths)}")
    if len(widths) // 2 > n:
        raise RuntimeError("Padding length should be less than or equal to two times the input dimension but got padding length "
                           f"{len(widths)} and input of dimension {n}")
    if mode == "constant":
        around = [(0, 0)] * n
        for i in range(len(widths) // 2):
            around[-1 - i] = (widths[2 * i], widths[2 * i + 1])
        for i, (a, b) in enumerate(around):
            if input._array.shape[i] + a + b < 0:
                raise RuntimeError(f"The input size {input._array.shape[i]}, plus negative padding {a} and {b} resulted in a negative output size, which is invalid. "
                                   f"Check dimension {i} of your input.")
        return shape.pad(input, tuple(around), 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    d = len(widths) // 2
    if n not in (d + 1, d + 2) or d > 3:
        raise NotImplementedError("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now")
    ways: list[Any] = []
    for i in range(d - 1, -1, -1):
        before, after, size = widths[2 * i], widths[2 * i + 1], input._array.shape[n - 1 - i]
        if mode == "reflect" and max(before, after) >= size:
            raise RuntimeError(f"Argument #{4 + 2 * i}: Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) at "
                               f"dimension {n - 1 - i} of input {list(input._array.shape)}")
        if mode == "circular" and max(before, after) > size:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        ways.append(resample.border(size, before, after, mode))
    name = "circular_pad" if mode == "circular" else f"{'reflection' if mode == 'reflect' else 'replication'}_pad{d}d"
    made: Tensor = resample.WAYS[name](input, tuple(ways))
    return made


def interpolate(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
                recompute_scale_factor: bool | None = None, antialias: bool = False) -> Tensor:
    """Another size of [N, C, L], [N, C, H, W] or [N, C, D, H, W]: "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"."""
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
    elif align_corners is None:
        align_corners = False
    d = input.ndim - 2
    before = tuple(input._array.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    scales: list[float] | None = None
    if size is not None:
        out = [int(s) for s in size] if isinstance(size, (tuple, list)) else [int(size)] * d
        if len(out) != d:
            raise ValueError("Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
                             f"{list(before)} and output size of {size}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size in "
                             "(o1, o2, ...,oK) format.")
    elif scale_factor is not None:
        scales = [float(s) for s in scale_factor] if isinstance(scale_factor, (tuple, list)) else [float(scale_factor)] * d
        if len(scales) != d:
            raise ValueError("Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of "
                             f"{list(before)} and scale_factor of shape {scale_factor}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
                             "scale_factor in (s1, s2, ...,sK) format.")
        out = [math.floor(n * s) for n, s in zip(before, scales, strict=True)]
        if recompute_scale_factor:
            scales = None
    else:
        raise ValueError("either size or scale_factor should be defined")
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if any(o <= 0 for o in out):
        raise RuntimeError(f"Input and output sizes should be greater than 0, but got input (H: {before[0]}) output (H: {out[0]})")
    if antialias and not (mode in ("bilinear", "bicubic") and d == 2):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input")
    if mode == "area":
        return {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}[d](input, out[0] if d == 1 else tuple(out))
    steps = scales if scales is not None else [None] * d
    if mode in ("nearest", "nearest-exact"):
        ways = tuple(resample.nearest(n, o, s, mode != "nearest") for n, o, s in zip(before, out, steps, strict=True))
        return resample.WAYS[f"{mode}{d}"](input, ways)
    if _LINEAR.get(mode) != d:
        if mode in _LINEAR and d in (1, 2, 3):
            raise NotImplementedError(f"Got {d + 2}D input, but {mode} mode needs {_LINEAR[mode] + 2}D input")
        raise NotImplementedError("Input Error: Only 3D, 4D and 5D input Tensors supported "
                                  f"(got {d + 2}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})")
    align = bool(align_corners)
    if antialias:
        ways = tuple(resample.smoothed(n, o, s, align, mode) for n, o, s in zip(before, out, steps, strict=True))
        return resample.WAYS[f"{mode}2_aa"](input, ways)
    make = resample.cubic if mode == "bicubic" else resample.linear
    return resample.WAYS[f"{mode}{d}"](input, tuple(make(n, o, s, align) for n, o, s in zip(before, out, steps, strict=True)))


def upsample(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None) -> Tensor:
    """interpolate, under its older name."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate(mode="nearest"), under its older name."""
    warnings.warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate(mode="bilinear", align_corners=True), under its older name."""
    warnings.warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Where grid_sample looks for an affine map: theta [N, 2, 3] to [N, H, W, 2], theta [N, 3, 4] to [N, D, H, W, 3]."""
    if align_corners is None:
        warnings.warn("Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify align_corners=True if the old "
                      "behavior is desired. See the documentation of grid_sample for details.", stacklevel=2)
        align_corners = False
    if not theta.dtype.is_floating_point:
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    d = len(size) - 2
    if d not in (2, 3):
        raise NotImplementedError(f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}.")
    if theta.ndim != 3 or tuple(theta.shape[1:]) != (d, d + 1):
        raise ValueError(f"Expected a batch of {d}D affine matrices of shape Nx{d}x{d + 1} for size {size}. Got {theta.shape}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    kind = theta._array.dtype
    lines = [np.linspace(-1, 1, n, dtype=kind) if n > 1 else np.zeros(1, kind) for n in size[2:]]
    if not align_corners:
        lines = [line * kind.type((n - 1) / n) for line, n in zip(lines, size[2:], strict=True)]
    grids = np.meshgrid(*lines, indexing="ij")[::-1]
    base = np.stack([*[g.reshape(-1) for g in grids], np.ones(math.prod(size[2:]), kind)], 1)
    made: Tensor = (wrap(base) @ theta.transpose(1, 2)).reshape(size[0], *size[2:], d)
    return made


def grid_sample(input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None) -> Tensor:
    """`input` [N, C, H, W] at the points of `grid` [N, h, w, 2], x before y in [-1, 1]; or [N, C, D, H, W] at [N, d, h, w, 3]."""
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode}'")
    if align_corners is None:
        warnings.warn("Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify align_corners=True if the old "
                      "behavior is desired. See the documentation of grid_sample for details.", stacklevel=2)
        align_corners = False
    x, p = input._array.shape, grid._array.shape
    if len(x) != len(p) or len(x) not in (4, 5):
        raise RuntimeError(f"grid_sampler(): expected input and grid to have the same number of dimensions, 4 or 5, but got input with sizes {list(x)} and grid with "
                           f"sizes {list(p)}")
    if x[0] != p[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {list(x)} and grid with sizes {list(p)}")
    if p[-1] != len(x) - 2:
        raise RuntimeError(f"grid_sampler(): expected grid to have size {len(x) - 2} in last dimension, but got grid with sizes {list(p)}")
    if mode == "bicubic" and len(x) == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    return sample.grid_sample(input, grid, mode, padding_mode, bool(align_corners))


# -- patches and channels ------------------------------------------------------------------------------------------------------------------------


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C r², H, W) to (*, C, H r, W r). Shi et al., 2016."""
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)")
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = input._array.shape
    if c % (r * r):
        raise RuntimeError(f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={c} is not "
                           f"divisible by {r * r}")
    return sample.pixel_shuffle(input, r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H r, W r) to (*, C r², H, W)."""
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)")
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    for name, axis in (("height", -2), ("width", -1)):
        if input._array.shape[axis] % r:
            raise RuntimeError(f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({axis})={input._array.shape[axis]} is not divisible "
                               f"by {r}")
    return sample.pixel_unshuffle(input, r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels dealt out: those of all groups alternate. Zhang et al., 2018."""
    if input.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    c = input._array.shape[1]
    if groups <= 0 or c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    return sample.channel_shuffle(input, groups)


def _pair(value: Any) -> tuple[int, int]:
    return (int(value), int(value)) if isinstance(value, (int, np.integer)) else (int(value[0]), int(value[-1]))


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Every window of (N, C, H, W) as a column: (N, C · kernel, windows)."""
    single = input.ndim == 3
    if input.ndim not in (3, 4):
        raise RuntimeError(f"Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {list(input.shape)}")
    x = shape.unsqueeze(input, 0) if single else input
    y = sample.im2col(x, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))
    return squeeze_dim(y, (0,)) if single else y


def fold(input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """Columns (N, C · kernel, windows) added up where they came from: (N, C, *output_size)."""
    single = input.ndim == 2
    if input.ndim not in (2, 3):
        raise RuntimeError(f"Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {list(input.shape)}")
    x = shape.unsqueeze(input, 0) if single else input
    out, k, d, p, s = (_pair(v) for v in (output_size, kernel_size, dilation, padding, stride))
    many = math.prod((out[i] + 2 * p[i] - d[i] * (k[i] - 1) - 1) // s[i] + 1 for i in (0, 1))
    if x._array.shape[1] % math.prod(k):
        raise RuntimeError("Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
                           f"input.size(1)={x._array.shape[1]} and kernel_size={k}.")
    if x._array.shape[2] != many:
        raise RuntimeError(f"Given output_size={out}, kernel_size={k}, dilation={d}, padding={p}, stride={s}, expected size of input's dimension 2 to match the "
                           f"calculated number of sliding blocks, but got input.size(2)={x._array.shape[2]} and {many}.")
    y = sample.col2im(x, out, k, d, p, s)
    return squeeze_dim(y, (0,)) if single else y
