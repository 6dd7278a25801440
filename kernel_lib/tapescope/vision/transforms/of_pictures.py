"""Each function of `functional` for Pillow's pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..pictures import channels, of_array, pillow
from .places import borders

Picture = Any


def get_dimensions(img: Picture) -> list[int]:
    return [channels(img), img.size[1], img.size[0]]


def hflip(img: Picture) -> Picture:
    return img.transpose(pillow().Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(img: Picture) -> Picture:
    return img.transpose(pillow().Image.Transpose.FLIP_TOP_BOTTOM)


def crop(img: Picture, top: int, left: int, height: int, width: int) -> Picture:
    return img.crop((left, top, left + width, top + height))


def resize(img: Picture, size: Sequence[int], interpolation: int) -> Picture:
    return img.resize((size[1], size[0]), interpolation)


def filling(fill: Any, img: Picture) -> Any:
    """A colour of the picture's own kind."""
    n = channels(img)
    if fill is None:
        fill = 0
    if isinstance(fill, (int, float)) and n > 1:
        fill = (fill,) * n
    if isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = tuple(fill) * n
        elif len(fill) != n:
            raise ValueError(f"The number of elements in 'fill' does not match the number of channels of the image ({len(fill)} != {n})")
        return tuple(fill) if img.mode == "F" else tuple(int(x) for x in fill)
    return fill if img.mode == "F" else int(fill)


def pad(img: Picture, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Picture:
    left, top, right, bottom = borders(padding)
    if padding_mode == "constant":
        made = pillow().ImageOps.expand(img, border=(left, top, right, bottom), fill=filling(fill, img))
        if img.mode == "P":
            made.putpalette(img.getpalette())
        return made
    if min(left, top, right, bottom) < 0:
        img = img.crop((-min(left, 0), -min(top, 0), img.width + min(right, 0), img.height + min(bottom, 0)))
    a = np.asarray(img)
    widths = [(max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0)][:a.ndim]
    made = of_array(np.pad(a, widths, padding_mode), img.mode)      # type: ignore[call-overload]
    if img.mode == "P":
        made.putpalette(img.getpalette())
    return made


def affine(img: Picture, matrix: Sequence[float], interpolation: int, fill: Any = None) -> Picture:
    return img.transform(img.size, pillow().Image.Transform.AFFINE, matrix, interpolation, fillcolor=filling(fill, img))


def perspective(img: Picture, coeffs: Sequence[float], interpolation: int, fill: Any = None) -> Picture:
    return img.transform(img.size, pillow().Image.Transform.PERSPECTIVE, coeffs, interpolation, fillcolor=filling(fill, img))


def rotate(img: Picture, angle: float, interpolation: int, expand: bool = False, center: Any = None, fill: Any = None) -> Picture:
    return img.rotate(angle, interpolation, expand, center, fillcolor=filling(fill, img))


def rgb_to_grayscale(img: Picture, num_output_channels: int = 1) -> Picture:
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = img.convert("L")
    return grey if num_output_channels == 1 else pillow().Image.merge("RGB", (grey, grey, grey))


def adjust_brightness(img: Picture, factor: float) -> Picture:
    return pillow().ImageEnhance.Brightness(img).enhance(factor)


def adjust_contrast(img: Picture, factor: float) -> Picture:
    return pillow().ImageEnhance.Contrast(img).enhance(factor)


def adjust_saturation(img: Picture, factor: float) -> Picture:
    return pillow().ImageEnhance.Color(img).enhance(factor)


def adjust_sharpness(img: Picture, factor: float) -> Picture:
    return pillow().ImageEnhance.Sharpness(img).enhance(factor)


def adjust_hue(img: Picture, factor: float) -> Picture:
    if img.mode in ("L", "1", "I", "F"):
        return img
    h, s, v = img.convert("HSV").split()
    turned = np.array(h, np.uint8) + np.int32(factor * 255).astype(np.uint8)         # hues are a circle of 256
    return pillow().Image.merge("HSV", (of_array(turned, "L"), s, v)).convert(img.mode)


def adjust_gamma(img: Picture, gamma: float, gain: float = 1.0) -> Picture:
    table = [int((255 + 1 - 1e-3) * gain * pow(i / 255.0, gamma)) for i in range(256)] * 3
    return img.convert("RGB").point(table).convert(img.mode)


def invert(img: Picture) -> Picture:
    return pillow().ImageOps.invert(img)


def posterize(img: Picture, bits: int) -> Picture:
    return pillow().ImageOps.posterize(img, bits)


def solarize(img: Picture, threshold: float) -> Picture:
    return pillow().ImageOps.solarize(img, threshold)


def autocontrast(img: Picture) -> Picture:
    return pillow().ImageOps.autocontrast(img)


def equalize(img: Picture) -> Picture:
    return pillow().ImageOps.equalize(img)
