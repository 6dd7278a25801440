"""Transforms whose amount is drawn. Draws are PyTorch's, in torchvision's order: after one seed, the same happens."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...nn import Module
from ...ops.creation import empty, rand, randint, randperm, tensor
from . import functional as F
from .always import TWO
from .functional import InterpolationMode, interpolation_of
from .places import pair


def _between(low: float, high: float) -> float:
    return float(empty(1).uniform_(float(low), float(high)).item())


def _below(low: int, high: int) -> int:
    return int(randint(low, high, (1,)).item())


def _ratio(ratio: Sequence[float]) -> float:
    """A ratio of width to height: twice as wide is as likely as twice as high."""
    low, high = np.log(np.array(ratio, np.float32))
    return float(np.exp(np.float32(_between(low, high))))


def _ordered(scale: Any, ratio: Any) -> None:
    if not isinstance(scale, Sequence):
        raise TypeError("Scale should be a sequence")
    if not isinstance(ratio, Sequence):
        raise TypeError("Ratio should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=3)


def _sequence(x: Any, name: str, lengths: tuple[int, ...]) -> None:
    if not isinstance(x, Sequence) or len(x) not in lengths:
        kind = TypeError if not isinstance(x, Sequence) else ValueError
        raise kind(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")


def _angles(x: Any, name: str, lengths: tuple[int, ...] = (2,)) -> list[float]:
    if isinstance(x, (int, float)):
        if x < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [-float(x), float(x)]
    _sequence(x, name, lengths)
    return [float(d) for d in x]


def _checked_fill(fill: Any) -> Any:
    if fill is not None and not isinstance(fill, (Sequence, int, float)):
        raise TypeError("Fill should be either a sequence or a number.")
    return 0 if fill is None else fill


def _fill(fill: Any, img: Any) -> Any:
    """A colour for this image: one number a channel for a tensor."""
    if not isinstance(img, Tensor):
        return fill
    return [float(fill)] * F.get_dimensions(img)[0] if isinstance(fill, (int, float)) else [float(f) for f in fill]


class RandomResizedCrop(Module):
    """A part of random area (a share of the image's in `scale`) and shape (`ratio` of width to height), brought to `size`."""

    def __init__(self, size: Any, scale: Any = (0.08, 1.0), ratio: Any = (3.0 / 4.0, 4.0 / 3.0), interpolation: Any = InterpolationMode.BILINEAR,
                 antialias: bool | None = True) -> None:
        super().__init__()
        self.size = pair(size, TWO)
        _ordered(scale, ratio)
        self.interpolation, self.antialias, self.scale, self.ratio = interpolation_of(interpolation), antialias, scale, ratio

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a part."""
        _, height, width = F.get_dimensions(img)
        for _ in range(10):
            area = height * width * _between(scale[0], scale[1])
            aspect = _ratio(ratio)
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                top = _below(0, height - h + 1)
                return top, _below(0, width - w + 1), h, w
        w, h = width, height                               # the largest part in the middle of an allowed shape
        if width / height < min(ratio):
            h = round(w / min(ratio))
        elif width / height > max(ratio):
            w = round(h * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img: Any) -> Any:
        i, j, h, w = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, i, j, h, w, self.size, self.interpolation, antialias=self.antialias)

    def __repr__(self) -> str:
        scale, ratio = (tuple(round(s, 4) for s in x) for x in (self.scale, self.ratio))
        return f"{type(self).__name__}(size={self.size}, scale={scale}, ratio={ratio}, interpolation={self.interpolation.value}, antialias={self.antialias})"


class ColorJitter(Module):
    """Brightness, contrast, saturation and hue changed by random amounts, in random order: a number x means a factor in [1 - x, 1 + x] (hue: [-x, x])."""

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        super().__init__()
        self.brightness = self._range(brightness, "brightness")
        self.contrast = self._range(contrast, "contrast")
        self.saturation = self._range(saturation, "saturation")
        self.hue = self._range(hue, "hue", 0, (-0.5, 0.5))

    @staticmethod
    def _range(value: Any, name: str, center: float = 1, bound: tuple[float, float] = (0, math.inf)) -> tuple[float, float] | None:
        if isinstance(value, (int, float)):
            if value < 0:
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            ends = [center - float(value), center + float(value)]
            if center:
                ends[0] = max(ends[0], 0.0)
        elif isinstance(value, (tuple, list)) and len(value) == 2:
            ends = [float(value[0]), float(value[1])]
        else:
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
        if not bound[0] <= ends[0] <= ends[1] <= bound[1]:
            raise ValueError(f"{name} values should be between {bound}, but got {ends}.")
        return None if ends[0] == ends[1] == center else (ends[0], ends[1])

    @staticmethod
    def get_params(brightness: Any, contrast: Any, saturation: Any, hue: Any) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """The order, and the four factors; None where nothing is to be done."""
        order = randperm(4)
        b, c, s, h = (None if x is None else _between(x[0], x[1]) for x in (brightness, contrast, saturation, hue))
        return order, b, c, s, h

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        change = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            factor = factors[i]
            if factor is not None:
                img = change[i](img, factor)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, hue={self.hue})"


class RandomRotation(Module):
    """Turned by an angle in (-degrees, degrees), or between two given ones."""

    def __init__(self, degrees: Any, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False, center: Any = None, fill: Any = 0) -> None:
        super().__init__()
        self.degrees = _angles(degrees, "degrees")
        if center is not None:
            _sequence(center, "center", (2,))
        self.center, self.interpolation, self.expand, self.fill = center, interpolation_of(interpolation), expand, _checked_fill(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """An angle."""
        return _between(degrees[0], degrees[1])

    def forward(self, img: Any) -> Any:
        fill = _fill(self.fill, img)
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        center = "" if self.center is None else f", center={self.center}"
        return f"{type(self).__name__}(degrees={self.degrees}, interpolation={self.interpolation.value}, expand={self.expand}{center}, fill={self.fill})"


class RandomAffine(Module):
    """Turned, moved (by shares of width and height), scaled and sheared by random amounts."""

    def __init__(self, degrees: Any, translate: Any = None, scale: Any = None, shear: Any = None, interpolation: Any = InterpolationMode.NEAREST,
                 fill: Any = 0, center: Any = None) -> None:
        super().__init__()
        self.degrees = _angles(degrees, "degrees")
        if translate is not None:
            _sequence(translate, "translate", (2,))
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        if scale is not None:
            _sequence(scale, "scale", (2,))
            if any(s <= 0 for s in scale):
                raise ValueError("scale values should be positive")
        self.translate, self.scale = translate, scale
        self.shear = None if shear is None else _angles(shear, "shear", (2, 4))
        self.interpolation, self.fill = interpolation_of(interpolation), _checked_fill(fill)
        if center is not None:
            _sequence(center, "center", (2,))
        self.center = center

    @staticmethod
    def get_params(degrees: Any, translate: Any, scale_ranges: Any, shears: Any, img_size: Sequence[int]) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, shift, scale and shear."""
        angle = _between(degrees[0], degrees[1])
        shift = (0, 0)
        if translate is not None:
            dx, dy = (float(t * n) for t, n in zip(translate, img_size, strict=True))
            tx = round(_between(-dx, dx))
            shift = (tx, round(_between(-dy, dy)))
        scale = 1.0 if scale_ranges is None else _between(scale_ranges[0], scale_ranges[1])
        x = y = 0.0
        if shears is not None:
            x = _between(shears[0], shears[1])
            y = _between(shears[2], shears[3]) if len(shears) == 4 else 0.0
        return angle, shift, scale, (x, y)

    def forward(self, img: Any) -> Any:
        fill = _fill(self.fill, img)
        size = F.get_image_size(img)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, size)
        return F.affine(img, *drawn, interpolation=self.interpolation, fill=fill, center=self.center)

    def __repr__(self) -> str:
        said = [f"degrees={self.degrees}", *(f"{n}={v}" for n in ("translate", "scale", "shear") if (v := getattr(self, n)) is not None)]
        said += [f"interpolation={self.interpolation.value}"] if self.interpolation is not InterpolationMode.NEAREST else []
        said += [f"fill={self.fill}"] if self.fill != 0 else []
        said += [f"center={self.center}"] if self.center is not None else []
        return f"{type(self).__name__}({', '.join(said)})"


class RandomPerspective(Module):
    """Seen from another place, with probability `p`: the corners move by up to `distortion_scale` of half the edges."""

    def __init__(self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Any = InterpolationMode.BILINEAR, fill: Any = 0) -> None:
        super().__init__()
        self.p, self.interpolation, self.distortion_scale, self.fill = p, interpolation_of(interpolation), distortion_scale, _checked_fill(fill)

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The four corners, and where they move to."""
        dx, dy = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        low_x, high_x, low_y, high_y = (0, dx + 1), (width - dx - 1, width), (0, dy + 1), (height - dy - 1, height)
        ends = [[_below(*x), _below(*y)] for x, y in ((low_x, low_y), (high_x, low_y), (high_x, high_y), (low_x, high_y))]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def forward(self, img: Any) -> Any:
        if not rand(1) < self.p:
            return img
        _, h, w = F.get_dimensions(img)
        return F.perspective(img, *self.get_params(w, h, self.distortion_scale), self.interpolation, _fill(self.fill, img))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomErasing(Module):
    """A rectangle of a tensor image filled with `value` ("random": normal numbers), with probability `p`. Zhong et al., 2017."""

    def __init__(self, p: float = 0.5, scale: Any = (0.02, 0.33), ratio: Any = (0.3, 3.3), value: Any = 0, inplace: bool = False) -> None:
        super().__init__()
        if not isinstance(value, (int, float, str, tuple, list)):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        _ordered(scale, ratio)
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(img: Tensor, scale: Any, ratio: Any, value: list[float] | None = None) -> tuple[int, int, int, int, Tensor]:
        """Top, left, height and width of the rectangle, and what fills it."""
        c, height, width = img.shape[-3:]
        for _ in range(10):
            area = height * width * _between(scale[0], scale[1])
            aspect = _ratio(ratio)
            h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if not (h < height and w < width):
                continue
            v = empty(c, h, w).normal_() if value is None else tensor(value)[:, None, None]
            i = _below(0, height - h + 1)
            return i, _below(0, width - w + 1), h, w, v
        return 0, 0, height, width, img

    def forward(self, img: Tensor) -> Any:
        if not rand(1) < self.p:
            return img
        value: Any = self.value
        if isinstance(value, (int, float)):
            value = [float(value)]
        elif isinstance(value, str):
            value = None
        else:
            value = [float(v) for v in value]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(f"If value is a sequence, it should have either a single value or {img.shape[-3]} (number of input channels)")
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, inplace={self.inplace})"
