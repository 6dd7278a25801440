"""Pillow's pictures and NumPy's arrays, one made of the other."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@functools.cache
def pillow() -> Any:
    """Pillow. Raises ImportError that says how to get it."""
    try:
        import PIL.Image
        import PIL.ImageEnhance
        import PIL.ImageOps
    except ImportError:
        raise ImportError("pictures need Pillow: pip install 'tapescope[vision]'") from None
    return PIL


def is_picture(x: Any) -> bool:
    """Whether `x` is a picture of Pillow's; nobody has one before Pillow is imported."""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(x, image.Image)


def channels(picture: Any) -> int:
    """How many numbers a pixel has."""
    return len(picture.getbands())


def of_array(a: Array, mode: str) -> Any:
    """A picture of [height, width] or [height, width, channels]."""
    return pillow().Image.frombytes(mode, (a.shape[1], a.shape[0]), a.tobytes())


def to_array(picture: Any, dtype: Any = None) -> Array:
    """[height, width, channels], in memory of its own."""
    a: Array = np.array(picture, dtype)
    return a.reshape(picture.size[1], picture.size[0], channels(picture))
