"""Each function of `functional` for tensors [..., channels, height, width]: places, not colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import dtype as dt
from ...core.tensor import Tensor, wrap
from ...ops import api_conv, api_image, api_shape, creation
from ...ops.api_pointwise import where
from .of_colors import (  # noqa: F401  (the other half of this module, by the same names)
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    adjust_sharpness,
    autocontrast,
    checked_image,
    dimensions,
    equalize,
    invert,
    narrowed,
    posterize,
    rgb_to_grayscale,
    solarize,
    widened,
)
from .places import affine_grid, borders, perspective_grid, rotated_size

get_dimensions = dimensions


def hflip(img: Tensor) -> Any:
    return checked_image(img).flip(-1)


def vflip(img: Tensor) -> Any:
    return checked_image(img).flip(-2)


def crop(img: Tensor, top: int, left: int, height: int, width: int) -> Any:
    _, h, w = dimensions(img)
    right, bottom = left + width, top + height
    if left < 0 or top < 0 or right > w or bottom > h:
        around = [max(-left + min(0, right), 0), max(-top + min(0, bottom), 0), max(right - max(w, left), 0), max(bottom - max(h, top), 0)]
        return pad(img[..., max(top, 0):bottom, max(left, 0):right], around)
    return img[..., top:bottom, left:right]


def pad(img: Tensor, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    checked_image(img)
    fill = 0 if fill is None else fill
    if not isinstance(fill, (int, float)):
        raise TypeError("Got inappropriate fill arg")
    left, top, right, bottom = borders(padding)
    if padding_mode == "symmetric":
        return _symmetric(img, left, top, right, bottom)
    widths = [left, right, top, bottom]
    if padding_mode == "constant":
        return api_image.pad(img, widths, value=float(fill))
    x, kind = widened(img, (dt.float32, dt.float64))
    return narrowed(api_image.pad(x, widths, mode="replicate" if padding_mode == "edge" else padding_mode), img, kind, exact=True)


def _symmetric(img: Tensor, left: int, top: int, right: int, bottom: int) -> Any:
    if img.ndim not in (3, 4):
        raise RuntimeError("Symmetric padding of N-D tensors are not supported yet")
    if min(left, top, right, bottom) < 0:
        h, w = img.shape[-2:]
        img = img[..., -min(top, 0):h + min(bottom, 0), -min(left, 0):w + min(right, 0)]
        left, top, right, bottom = (max(x, 0) for x in (left, top, right, bottom))
    h, w = img.shape[-2:]
    rows = np.concatenate([np.arange(top - 1, -1, -1), np.arange(h), h - 1 - np.arange(bottom)])
    columns = np.concatenate([np.arange(left - 1, -1, -1), np.arange(w), w - 1 - np.arange(right)])
    return img[..., wrap(rows[:, None]), wrap(columns[None])]


def resize(img: Tensor, size: Sequence[int], interpolation: str, antialias: bool | None = True) -> Any:
    checked_image(img)
    linear = interpolation in ("bilinear", "bicubic")
    x, kind = widened(img, (dt.float32, dt.float64))
    y = api_image.interpolate(x, size=list(size), mode=interpolation, align_corners=False if linear else None, antialias=bool(antialias and linear))
    if interpolation == "bicubic" and kind is dt.uint8:
        y = y.clamp(min=0, max=255)
    return narrowed(y, img, kind)


# -- maps of the plane ---------------------------------------------------------------------------------------------------


def _checked_map(img: Tensor, interpolation: str, fill: Any) -> Any:
    checked_image(img)
    n = dimensions(img)[0]
    if isinstance(fill, (tuple, list)) and len(fill) > 1 and len(fill) != n:
        raise ValueError(f"The number of elements in 'fill' cannot broadcast to match the number of channels of the image ({len(fill)} != {n})")
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{interpolation}' is unsupported with Tensor input")
    return img._array.dtype if img.dtype.is_floating_point else np.dtype(np.float32)


def _sampled(img: Tensor, grid: Any, mode: str, fill: Any) -> Any:
    x, kind = widened(img, (dt.of(grid),))
    n = x.shape[0]
    grid = wrap(np.broadcast_to(grid, (n, *grid.shape[1:])))
    if fill is None:
        return narrowed(api_image.grid_sample(x, grid, mode, "zeros", False), img, kind)
    inside = creation.ones((n, 1, *x.shape[2:]), dtype=x.dtype)        # sampled with it: how much of each pixel comes from the picture
    y = api_image.grid_sample(api_shape.cat((x, inside), 1), grid, mode, "zeros", False)
    y, inside = y[:, :-1], y[:, -1:]
    colour = creation.tensor(list(fill) if isinstance(fill, (tuple, list)) else [float(fill)], dtype=x.dtype).reshape(1, -1, 1, 1)
    y = where(inside < 0.5, colour, y) if mode == "nearest" else y * inside + (1.0 - inside) * colour
    return narrowed(y, img, kind)


def affine(img: Tensor, matrix: Sequence[float], interpolation: str, fill: Any = None) -> Any:
    dtype = _checked_map(img, interpolation, fill)
    h, w = img.shape[-2:]
    return _sampled(img, affine_grid(matrix, w, h, w, h, dtype), interpolation, fill)


def rotate(img: Tensor, matrix: Sequence[float], interpolation: str, expand: bool = False, fill: Any = None) -> Any:
    dtype = _checked_map(img, interpolation, fill)
    h, w = img.shape[-2:]
    out_w, out_h = rotated_size(matrix, w, h) if expand else (w, h)
    return _sampled(img, affine_grid(matrix, w, h, out_w, out_h, dtype), interpolation, fill)


def perspective(img: Tensor, coeffs: Sequence[float], interpolation: str, fill: Any = None) -> Any:
    dtype = _checked_map(img, interpolation, fill)
    h, w = img.shape[-2:]
    return _sampled(img, perspective_grid(coeffs, w, h, dtype), interpolation, fill)


# -- neighbours ----------------------------------------------------------------------------------------------------------


def gaussian_blur(img: Tensor, kernel_size: Sequence[int], sigma: Sequence[float]) -> Any:
    checked_image(img)
    dtype = img._array.dtype if img.dtype.is_floating_point else np.dtype(np.float32)
    lines = []
    for n, s in zip(kernel_size, sigma, strict=True):
        line = np.exp(-0.5 * ((np.arange(n) - (n - 1) * 0.5) / s) ** 2).astype(dtype)
        lines.append(line / line.sum())
    kernel = lines[1][:, None] * lines[0][None]
    x, kind = widened(img, (dt.OF_NUMPY[dtype],))
    c = x.shape[1]
    kx, ky = kernel_size[0] // 2, kernel_size[1] // 2
    y = api_conv.conv2d(api_image.pad(x, [kx, kx, ky, ky], mode="reflect"), wrap(np.repeat(kernel[None, None], c, 0)), groups=c)
    return narrowed(y, img, kind)


def normalize(img: Tensor, mean: Any, std: Any, inplace: bool = False) -> Any:
    checked_image(img)
    if not img.dtype.is_floating_point:
        raise TypeError(f"Input tensor should be a float tensor. Got {img.dtype}.")
    if img.ndim < 3:
        raise ValueError(f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {img.shape}")
    m, s = (creation.as_tensor(v, dtype=img.dtype) for v in (mean, std))
    if (s._array == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {img.dtype}, leading to division by zero.")
    m, s = (v.reshape(-1, 1, 1) if v.ndim == 1 else v for v in (m, s))
    return img.sub_(m).div_(s) if inplace else (img - m).div_(s)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    checked_image(img)
    img = img if inplace else img.clone()
    img[..., i:i + h, j:j + w] = v
    return img
