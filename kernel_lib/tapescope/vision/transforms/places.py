"""Sizes, borders and maps of the plane that transforms are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

MODES = ("constant", "edge", "reflect", "symmetric")


def borders(padding: Any) -> tuple[int, int, int, int]:
    """left, top, right, bottom, of one, two or four numbers."""
    if not isinstance(padding, (int, float, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    p = [padding] if isinstance(padding, (int, float)) else list(padding)
    if len(p) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(p)} element tuple")
    left, top, right, bottom = p * (4 // len(p))
    return int(left), int(top), int(right), int(bottom)


def checked_mode(padding_mode: Any) -> None:
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if padding_mode not in MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")


def pair(size: Any, message: str) -> tuple[int, int]:
    """Height and width, of one number or two."""
    if isinstance(size, (int, float)):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(message)
    return size                                            # type: ignore[no-any-return]


def resized(before: tuple[int, int], size: Sequence[int], max_size: int | None) -> list[int]:
    """The height and width that a picture of `before` gets: two numbers are both, one is its shorter edge."""
    h, w = before
    if len(size) == 2:
        return [size[0], size[1]]
    short, long = min(h, w), max(h, w)
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= new_short:
            raise ValueError(f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = {size}")
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if w <= h else [new_short, new_long]


def inverse_affine(center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]) -> list[float]:
    r"""The six numbers of the map from target to source.

    The map itself is $T C R(a) Sh S C^{-1}$: shift, about the centre, rotate, shear, scale.
    """
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    cx, cy = center
    tx, ty = translate
    a = math.cos(rot - sy) / math.cos(sy)
    b = -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    m = [d / scale, -b / scale, 0.0, -c / scale, a / scale, 0.0]                     # of determinant 1 before scale, so that this is its inverse
    m[2] = m[0] * (-cx - tx) + m[1] * (-cy - ty) + cx
    m[5] = m[3] * (-cx - tx) + m[4] * (-cy - ty) + cy
    return m


def perspective_coefficients(startpoints: Sequence[Sequence[float]], endpoints: Sequence[Sequence[float]]) -> list[float]:
    """The eight numbers of the map that takes the four `endpoints` back to the four `startpoints`."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints.")
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.lstsq(np.array(rows, np.float64), np.array(startpoints, np.float64).reshape(8), rcond=None)[0]
    return [float(x) for x in solved.astype(np.float32)]


def rotated_size(matrix: Sequence[float], w: int, h: int) -> tuple[int, int]:
    """Width and height that hold all of a rotated picture."""
    corners = np.array([[-0.5 * w, -0.5 * h, 1], [-0.5 * w, 0.5 * h, 1], [0.5 * w, 0.5 * h, 1], [0.5 * w, -0.5 * h, 1]], np.float32)
    at = corners @ np.array(matrix, np.float32).reshape(2, 3).T
    half = np.array([w * 0.5, h * 0.5], np.float32)
    tol = np.float32(1e-4)                                 # a corner that is meant to lie on a pixel's edge should
    top = np.ceil(np.trunc((at.max(0) + half) / tol) * tol)
    low = np.floor(np.trunc((at.min(0) + half) / tol) * tol)
    return int(top[0] - low[0]), int(top[1] - low[1])


def affine_grid(matrix: Sequence[float], w: int, h: int, out_w: int, out_h: int, dtype: Any) -> Any:
    """[1, out_h, out_w, 2]: where in [-1, 1] each pixel comes from; `matrix` counts pixels from the middle."""
    base = _pixels(np.arange(out_w) - (out_w - 1) * 0.5, np.arange(out_h) - (out_h - 1) * 0.5, dtype)
    theta = np.array(matrix, dtype).reshape(2, 3).T / np.array([0.5 * w, 0.5 * h], dtype)
    return (base @ theta).reshape(1, out_h, out_w, 2)


def perspective_grid(coeffs: Sequence[float], w: int, h: int, dtype: Any) -> Any:
    """[1, h, w, 2]: where in [-1, 1] each pixel comes from."""
    base = _pixels(np.arange(w) + 0.5, np.arange(h) + 0.5, dtype)
    over = np.array(coeffs[:6], dtype).reshape(2, 3).T / np.array([0.5 * w, 0.5 * h], dtype)
    under = np.array([coeffs[6], coeffs[7], 1.0], dtype).reshape(3, 1)
    return (base @ over / (base @ under) - dtype.type(1)).reshape(1, h, w, 2)


def _pixels(x: Any, y: Any, dtype: Any) -> Any:
    """One row x, y, 1 for each pixel."""
    base = np.ones((len(y), len(x), 3), dtype)
    base[..., 0], base[..., 1] = x, y[:, None]
    return base.reshape(-1, 3)
