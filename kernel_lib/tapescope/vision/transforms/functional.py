"""Transforms as functions, of Pillow's pictures and of tensors [..., channels, height, width] alike: torchvision's names, order of arguments and errors."""

from __future__ import annotations

import enum
import sys
import warnings
from typing import Any

import numpy as np

from ...core import dtype as dt
from ...core.tensor import Tensor, wrap
from ..pictures import is_picture, of_array, to_array
from . import of_colors, of_pictures, of_tensors, places


class InterpolationMode(enum.Enum):
    """How the value between pixels is found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PILLOWS = {"nearest": 0, "nearest-exact": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
_OF_INT = {v: InterpolationMode(k) for k, v in _PILLOWS.items() if k != "nearest-exact"}


def interpolation_of(mode: Any) -> Any:
    """The mode that one of Pillow's numbers means; anything else stays."""
    return _OF_INT[mode] if isinstance(mode, int) else mode


def _mode(mode: Any) -> InterpolationMode:
    mode = interpolation_of(mode)
    if not isinstance(mode, InterpolationMode):
        raise TypeError("Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant")
    return mode


def _half(img: Any) -> Any:
    """The module that does the work for this kind of image."""
    if isinstance(img, Tensor):
        return of_tensors
    if is_picture(img):
        return of_pictures
    raise TypeError(f"img should be PIL Image. Got {type(img)}")


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]."""
    if not isinstance(img, Tensor) and not is_picture(img):
        raise TypeError(f"Unexpected type {type(img)}")
    return _half(img).get_dimensions(img)                  # type: ignore[no-any-return]


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """How many numbers a pixel has."""
    return get_dimensions(img)[0]


# -- pictures, arrays, tensors -------------------------------------------------------------------------------------------

_SHORTS = "I;16" if sys.byteorder == "little" else "I;16B"
_WIDE = {"I": np.int32, _SHORTS: np.int16, "F": np.float32}


def to_tensor(pic: Any) -> Tensor:
    """A picture, or an array [height, width(, channels)], as a tensor [channels, height, width]; bytes become numbers in [0, 1]."""
    if is_picture(pic):
        a = to_array(pic, _WIDE.get(pic.mode, np.uint8))
        if pic.mode == "1":
            a = a * np.uint8(255)
    elif isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        a = pic[:, :, None] if pic.ndim == 2 else pic
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    a = np.ascontiguousarray(a.transpose(2, 0, 1))
    if a.dtype != np.uint8:
        return wrap(a)
    kind = dt.get_default_dtype().dtype
    return wrap(a.astype(kind) / kind.type(255))


def pil_to_tensor(pic: Any) -> Tensor:
    """A picture as a tensor [channels, height, width] of the picture's own numbers."""
    if not is_picture(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return wrap(to_array(pic).transpose(2, 0, 1))


def convert_image_dtype(image: Tensor, dtype: dt.dtype = dt.float32) -> Any:
    """The image in another dtype, scaled so that white stays white: 255 of uint8 is 1.0 of float32."""
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    return of_colors.convert(image, dtype)


_MODES = {2: ["LA"], 3: ["RGB", "YCbCr", "HSV"], 4: ["RGBA", "CMYK", "RGBX"]}
_GREYS = {np.dtype("u1"): "L", np.dtype("i2"): _SHORTS, np.dtype("i4"): "I", np.dtype("f4"): "F"}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor [channels, height, width] or an array [height, width, channels] as a picture; floating-point numbers are taken as [0, 1]."""
    if isinstance(pic, Tensor):
        a = pic.detach().cpu().numpy()
        a = a.transpose(1, 2, 0) if a.ndim == 3 else a
    elif isinstance(pic, np.ndarray):
        a = pic
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if a.ndim == 2:
        a = a[:, :, None]
    if a.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {a.ndim} dimensions.")
    n = a.shape[2]
    if n > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {n} channels.")
    if a.dtype.kind == "f" and mode != "F":
        a = (a * 255).astype(np.uint8)
    if n == 1:
        a, natural = a[:, :, 0], _GREYS.get(a.dtype)
        if mode is not None and mode != natural:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {a.dtype}. Should be {natural}")
        mode = natural
    else:
        if mode is not None and mode not in _MODES[n]:
            raise ValueError(f"Only modes {_MODES[n]} are supported for {n}D inputs")
        if mode is None and a.dtype == np.uint8:
            mode = _MODES[n][0]
    if mode is None:
        raise TypeError(f"Input type {a.dtype} is not supported")
    return of_array(a, mode)


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Any:
    """(tensor - mean) / std, channel by channel."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return of_tensors.normalize(tensor, mean, std, inplace)


# -- places --------------------------------------------------------------------------------------------------------------


def resize(img: Any, size: Any, interpolation: Any = InterpolationMode.BILINEAR, max_size: int | None = None, antialias: bool | None = True) -> Any:
    """Another size: [height, width], or the length of the shorter edge, the longer one being at most `max_size`."""
    mode = _mode(interpolation)
    if isinstance(size, (list, tuple)):
        if len(size) not in (1, 2):
            raise ValueError(f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list")
        if max_size is not None and len(size) != 1:
            raise ValueError("max_size should only be passed if size specifies the length of the smaller edge, i.e. size should be an int or a sequence of length "
                             "1 in torchscript mode.")
    _, h, w = get_dimensions(img)
    wanted = places.resized((h, w), [size] if isinstance(size, int) else size, max_size)
    if [h, w] == wanted:
        return img
    if isinstance(img, Tensor):
        return of_tensors.resize(img, wanted, mode.value, antialias)
    if antialias is False:
        warnings.warn("Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=2)
    return of_pictures.resize(img, wanted, _PILLOWS[mode.value])


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """A wider image: `padding` is one number, (left/right, top/bottom) or (left, top, right, bottom)."""
    places.checked_mode(padding_mode)
    if fill is not None and not isinstance(fill, (int, float, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    return _half(img).pad(img, padding, fill, padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part; what lies outside the image is 0."""
    return _half(img).crop(img, top, left, height, width)


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle, of [height, width]; an image that is too small is padded with 0."""
    height, width = places.pair(output_size, "Please provide only two dimensions (h, w) for size.")
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        dx, dy = max(width - w, 0), max(height - h, 0)
        img = pad(img, [dx // 2, dy // 2, (dx + 1) // 2, (dy + 1) // 2], fill=0)
        _, h, w = get_dimensions(img)
        if (width, height) == (w, h):
            return img
    return crop(img, round((h - height) / 2.0), round((w - width) / 2.0), height, width)


def resized_crop(img: Any, top: int, left: int, height: int, width: int, size: Any, interpolation: Any = InterpolationMode.BILINEAR,
                 antialias: bool | None = True) -> Any:
    """A part, brought to `size`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """Left and right exchanged."""
    return _half(img).hflip(img)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged."""
    return _half(img).vflip(img)


def five_crop(img: Any, size: Any) -> tuple[Any, Any, Any, Any, Any]:
    """The four corners (top left, top right, bottom left, bottom right) and the middle."""
    ch, cw = size = places.pair(size, "Please provide only two dimensions (h, w) for size.")
    _, h, w = get_dimensions(img)
    if cw > w or ch > h:
        raise ValueError(f"Requested crop size {size} is bigger than input size {(h, w)}")
    corners = [crop(img, top, left, ch, cw) for top in (0, h - ch) for left in (0, w - cw)]
    return (corners[0], corners[1], corners[2], corners[3], center_crop(img, [ch, cw]))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of the image and of the flipped image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def _sequence(value: Any, name: str) -> None:
    if value is not None and not isinstance(value, (list, tuple)):
        raise TypeError(f"Argument {name} should be a sequence")


def _from_middle(img: Any, center: Any) -> list[float]:
    """A point counted from the middle of the image instead of from its corner."""
    if center is None:
        return [0.0, 0.0]
    _, h, w = get_dimensions(img)
    return [center[0] - w * 0.5, center[1] - h * 0.5]


def rotate(img: Any, angle: float, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False, center: Any = None, fill: Any = None) -> Any:
    """Turned by `angle` degrees, counter-clockwise; with `expand`, larger, so that nothing is lost."""
    mode = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    _sequence(center, "center")
    if not isinstance(img, Tensor):
        return _half(img).rotate(img, angle, _PILLOWS[mode.value], expand, center, fill)
    matrix = places.inverse_affine(_from_middle(img, center), -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return of_tensors.rotate(img, matrix, mode.value, expand, fill)


def affine(img: Any, angle: float, translate: Any, scale: float, shear: Any, interpolation: Any = InterpolationMode.NEAREST, fill: Any = None,
           center: Any = None) -> Any:
    """Turned clockwise by `angle` degrees, sheared, scaled and moved, the middle (or `center`) staying where it is until the last."""
    mode = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (int, float, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    bent = [shear, 0.0] if isinstance(shear, (int, float)) else list(shear) * (2 if len(shear) == 1 else 1)
    if len(bent) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {bent}")
    _sequence(center, "center")
    if isinstance(img, Tensor):
        return of_tensors.affine(img, places.inverse_affine(_from_middle(img, center), angle, translate, scale, bent), mode.value, fill)
    _, h, w = get_dimensions(img)
    about = [w * 0.5, h * 0.5] if center is None else center
    return of_pictures.affine(img, places.inverse_affine(about, angle, translate, scale, bent), _PILLOWS[mode.value], fill)


def perspective(img: Any, startpoints: Any, endpoints: Any, interpolation: Any = InterpolationMode.BILINEAR, fill: Any = None) -> Any:
    """Seen from another place: the four `startpoints` [x, y] come to lie at the `endpoints`."""
    coeffs, mode = places.perspective_coefficients(startpoints, endpoints), _mode(interpolation)
    return _half(img).perspective(img, coeffs, mode.value if isinstance(img, Tensor) else _PILLOWS[mode.value], fill)


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """A tensor image with `v` in the rectangle of height `h` and width `w` at row `i` and column `j`."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return of_tensors.erase(img, i, j, h, w, v, inplace)


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """Blurred by a Gaussian of `kernel_size` [x, y] and `sigma` [x, y]."""
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    size = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(size) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(size)}")
    if any(k % 2 == 0 or k < 0 for k in size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {size}")
    if sigma is None:
        sigma = [k * 0.15 + 0.35 for k in size]
    if not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    sigma = [float(sigma)] * 2 if isinstance(sigma, (int, float)) else list(sigma) * (2 if len(sigma) == 1 else 1)
    if len(sigma) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigma)}")
    if any(s <= 0.0 for s in sigma):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    if isinstance(img, Tensor):
        return of_tensors.gaussian_blur(img, size, sigma)
    if not is_picture(img):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    return to_pil_image(of_tensors.gaussian_blur(pil_to_tensor(img), size, sigma), mode=img.mode)


# -- colours -------------------------------------------------------------------------------------------------------------


def _not_negative(value: float, name: str) -> None:
    if value < 0:
        raise ValueError(f"{name} ({value}) is not non-negative.")


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Black at 0, the image at 1, twice as bright at 2."""
    if isinstance(img, Tensor):
        _not_negative(brightness_factor, "brightness_factor")
    return _half(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Grey at 0, the image at 1."""
    if isinstance(img, Tensor):
        _not_negative(contrast_factor, "contrast_factor")
    return _half(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Without colour at 0, the image at 1."""
    if isinstance(img, Tensor):
        _not_negative(saturation_factor, "saturation_factor")
    return _half(img).adjust_saturation(img, saturation_factor)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """Blurred at 0, the image at 1."""
    if isinstance(img, Tensor):
        _not_negative(sharpness_factor, "sharpness_factor")
    return _half(img).adjust_sharpness(img, sharpness_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Colours turned by a share of the circle in [-0.5, 0.5]."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _half(img).adjust_hue(img, hue_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    r"""$255 \cdot gain \cdot (x / 255)^\gamma$."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    return _half(img).adjust_gamma(img, gamma, gain)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """0.2989 R + 0.587 G + 0.114 B, in one channel or three equal ones."""
    return _half(img).rgb_to_grayscale(img, num_output_channels)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale` of a picture of Pillow's."""
    if not is_picture(img):
        raise TypeError("Input should be PIL Image")
    return of_pictures.rgb_to_grayscale(img, num_output_channels)


def invert(img: Any) -> Any:
    """White minus the image."""
    return _half(img).invert(img)


def posterize(img: Any, bits: int) -> Any:
    """Only the highest `bits` bits of each byte."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _half(img).posterize(img, bits)


def solarize(img: Any, threshold: float) -> Any:
    """Pixels from `threshold` on inverted."""
    return _half(img).solarize(img, threshold)


def autocontrast(img: Any) -> Any:
    """The darkest pixel of a channel made black, the brightest white."""
    return _half(img).autocontrast(img)


def equalize(img: Any) -> Any:
    """All brightnesses made equally frequent, as far as that goes."""
    return _half(img).equalize(img)


