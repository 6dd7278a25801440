"""Each function of `functional` for tensors [..., channels, height, width]: colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import dtype as dt
from ...core.tensor import Tensor, wrap
from ...ops import api_conv, api_shape
from ...ops.api_pointwise import where

_WHITE = {dt.uint8: 255, dt.int8: 127, dt.int16: 32767, dt.int32: 2147483647, dt.int64: 9223372036854775807}


def white(kind: dt.dtype) -> int:
    """The greatest value of a dtype: 1 for floating-point numbers."""
    return _WHITE.get(kind, 1)


def checked_image(img: Tensor, channels: Sequence[int] = (), least: int = 2) -> Any:
    """The image; raises TypeError where it has too few dimensions or another number of channels than one of `channels`."""
    if img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")
    if img.ndim < least:
        raise TypeError(f"Input image tensor should have at least {least} dimensions, but found {img.ndim}")
    if channels and dimensions(img)[0] not in channels:
        raise TypeError(f"Input image tensor permitted channel values are {list(channels)}, but found {dimensions(img)[0]}")
    return img


def dimensions(img: Tensor) -> list[int]:
    """[channels, height, width]."""
    if img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")
    return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]


def widened(img: Tensor, kinds: Sequence[dt.dtype]) -> tuple[Any, dt.dtype]:
    """The image as [N, C, H, W] of one of `kinds`, and what it was."""
    kind = img.dtype
    x = img.unsqueeze(0) if img.ndim < 4 else img
    return x if kind in kinds else x.to(kinds[0]), kind


def narrowed(x: Any, like: Tensor, kind: dt.dtype, exact: bool = False) -> Any:
    """What `widened` undone gives; whole numbers are rounded unless they are `exact`."""
    if like.ndim < 4:
        x = x.squeeze(0)
    if x.dtype is kind:
        return x
    return (x if exact or kind.is_floating_point else x.round()).to(kind)


def convert(image: Tensor, kind: dt.dtype) -> Any:
    """The image in another dtype, white staying white."""
    if image.dtype is kind:
        return image
    if image.dtype.is_floating_point:
        if kind.is_floating_point:
            return image.to(kind)
        if (image.dtype is dt.float32 and kind in (dt.int32, dt.int64)) or (image.dtype is dt.float64 and kind is dt.int64):
            raise RuntimeError(f"The cast from {image.dtype} to {kind} cannot be performed safely.")
        return image.mul(float(white(kind)) + 1.0 - 1e-3).to(kind)          # so that all values get an equal share of [0, 1]
    before, after = float(white(image.dtype)), float(white(kind))
    if kind.is_floating_point:
        return image.to(kind) / before
    if before > after:
        return image.div(int((before + 1) // (after + 1)), rounding_mode="floor").to(kind)
    return image.to(kind) * int((after + 1) // (before + 1))


def blend(a: Tensor, b: Any, ratio: float) -> Any:
    ratio = float(ratio)
    return (ratio * a + (1.0 - ratio) * b).clamp(0, white(a.dtype)).to(a.dtype)


def rgb_to_grayscale(img: Tensor, num_output_channels: int = 1) -> Any:
    checked_image(img, (1, 3), least=3)
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 3:
        r, g, b = img.unbind(-3)
        grey = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(-3)
    else:
        grey = img.clone()
    return grey.expand(img.shape) if num_output_channels == 3 else grey


def adjust_brightness(img: Tensor, factor: float) -> Any:
    return blend(checked_image(img, (1, 3)), img * 0, factor)


def adjust_contrast(img: Tensor, factor: float) -> Any:
    checked_image(img, (3, 1))
    kind = img.dtype if img.dtype.is_floating_point else dt.float32
    grey = rgb_to_grayscale(img) if dimensions(img)[0] == 3 else img
    return blend(img, grey.to(kind).mean((-3, -2, -1), keepdim=True), factor)


def adjust_saturation(img: Tensor, factor: float) -> Any:
    checked_image(img, (1, 3))
    return img if dimensions(img)[0] == 1 else blend(img, rgb_to_grayscale(img), factor)


def adjust_hue(img: Tensor, factor: float) -> Any:
    checked_image(img, (1, 3))
    if dimensions(img)[0] == 1:
        return img
    h, s, v = _hsv(convert(img, dt.float32))
    return convert(_rgb((h + factor) % 1.0, s, v), img.dtype)


def _hsv(img: Tensor) -> tuple[Any, Any, Any]:
    r, g, b = img.unbind(-3)
    high, low = img.amax(-3), img.amin(-3)
    grey = high == low                                     # has no hue; divided by 1 instead of by nothing
    span = high - low
    s = span / where(grey, 1.0, high)
    by = where(grey, 1.0, span)
    from_r, from_g, from_b = (high - r) / by, (high - g) / by, (high - b) / by
    red, green = high == r, (high == g) & (high != r)
    blue = (high != g) & (high != r)
    h = red * (from_b - from_g) + green * (2.0 + from_r - from_b) + blue * (4.0 + from_g - from_r)
    return (h / 6.0 + 1.0).fmod(1.0), s, high


def _rgb(h: Any, s: Any, v: Any) -> Any:
    sector = (h * 6.0).floor()
    f = h * 6.0 - sector
    p, q, t = ((v * (1.0 - s * part)).clamp(0.0, 1.0) for part in (1.0, f, 1.0 - f))
    which = (sector.to(dt.int64) % 6).unsqueeze(-3)
    return api_shape.cat([api_shape.stack(six, -3).gather(-3, which) for six in ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))], -3)


def adjust_gamma(img: Tensor, gamma: float, gain: float = 1.0) -> Any:
    checked_image(img, (1, 3))
    x = img if img.dtype.is_floating_point else convert(img, dt.float32)
    return convert((gain * x.pow(gamma)).clamp(0, 1), img.dtype)


def adjust_sharpness(img: Tensor, factor: float) -> Any:
    checked_image(img, (1, 3))
    if min(img.shape[-2:]) <= 2:
        return img
    x, kind = widened(img, (img.dtype if img.dtype.is_floating_point else dt.float32,))
    c = x.shape[1]
    kernel = np.ones((3, 3), x._array.dtype)
    kernel[1, 1] = 5
    inner = narrowed(api_conv.conv2d(x, wrap(np.repeat((kernel / kernel.sum())[None, None], c, 0)), groups=c), img, kind)
    smooth = img.clone()
    smooth[..., 1:-1, 1:-1] = inner
    return blend(img, smooth, factor)


def invert(img: Tensor) -> Any:
    return white(img.dtype) - checked_image(img, (1, 3), least=3)


def posterize(img: Tensor, bits: int) -> Any:
    _bytes(img, least=3)
    return img & (256 - 2 ** (8 - bits))


def solarize(img: Any, threshold: float) -> Any:
    checked_image(img, (1, 3), least=3)
    if threshold > white(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return where(img >= threshold, invert(img), img)


def autocontrast(img: Tensor) -> Any:
    checked_image(img, (1, 3), least=3)
    bound, kind = white(img.dtype), img.dtype if img.dtype.is_floating_point else dt.float32
    low, high = (f((-2, -1), keepdim=True).to(kind) for f in (img.amin, img.amax))
    flat = low == high
    scale = bound / where(flat, 1.0, high - low)
    return ((img - where(flat, 0.0, low)) * where(flat, 1.0, scale)).clamp(0, bound).to(img.dtype)


def equalize(img: Tensor) -> Any:
    if not 3 <= img.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    _bytes(img)
    a = img._array
    made = a.copy()
    for i in np.ndindex(a.shape[:-2]):
        counts = np.bincount(a[i].reshape(-1), minlength=256)
        step = int(counts[counts != 0][:-1].sum()) // 255
        if step:
            table = np.concatenate([[0], ((np.cumsum(counts) + step // 2) // step)[:-1]]).clip(0, 255).astype(np.uint8)
            made[i] = table[a[i]]
    return wrap(made)


def _bytes(img: Tensor, least: int = 2) -> None:
    checked_image(img, (), least)
    if img.dtype is not dt.uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")
    checked_image(img, (1, 3))
