"""The idx format, in which MNIST and its like are given away: 0, 0, type, dimensions; sizes; numbers, the highest byte first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import dtype as dt
from ...core.tensor import Tensor, wrap
from .files import unpacked

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def array_of(raw: bytes, name: str) -> np.ndarray[Any, Any]:
    """The array that idx bytes hold. Raises RuntimeError that names the file and says what is wrong with it."""
    def damaged(why: str) -> RuntimeError:
        return RuntimeError(f"{name} is no whole idx file: {why}. Delete it and get it again")

    if len(raw) < 4 or raw[0] or raw[1]:
        raise damaged(f"it begins with {raw[:4].hex(' ') or 'nothing'}, not with 00 00" + (" (it is compressed: its name should end in .gz)" if raw[:2] == b"\x1f\x8b" else ""))
    kind, n = raw[2], raw[3]
    if kind not in _TYPES:
        raise damaged(f"it says that its numbers are of type {kind:#04x}, which is none of {', '.join(f'{k:#04x}' for k in _TYPES)}")
    if not 1 <= n <= 3 or len(raw) < 4 + 4 * n:
        raise damaged(f"it says that it has {n} dimensions, and has {len(raw)} bytes")
    shape = tuple(int(s) for s in np.frombuffer(raw, ">u4", n, 4))
    d = np.dtype(_TYPES[kind])
    expected, found = math.prod(shape) * d.itemsize, len(raw) - 4 - 4 * n
    if expected != found:
        raise damaged(f"{' x '.join(map(str, shape))} numbers of {d.itemsize} bytes are {expected} bytes, it has {found}")
    return np.frombuffer(raw, d, offset=4 + 4 * n).reshape(shape).astype(d.newbyteorder("="))


def read_sn3_pascalvincent_tensor(path: str, strict: bool = True) -> Tensor:
    """A tensor of an idx file (.gz, too)."""
    return wrap(array_of(unpacked(path), path))


def images(a: np.ndarray[Any, Any]) -> Tensor:
    """Pictures [N, height, width] of bytes."""
    if a.dtype != np.uint8:
        raise TypeError(f"x should be of dtype torch.uint8 instead of {dt.of(a)}")
    if a.ndim != 3:
        raise ValueError(f"x should have 3 dimension instead of {a.ndim}")
    return wrap(a)


def labels(a: np.ndarray[Any, Any]) -> Tensor:
    """Classes [N]."""
    if a.dtype != np.uint8:
        raise TypeError(f"x should be of dtype torch.uint8 instead of {dt.of(a)}")
    if a.ndim != 1:
        raise ValueError(f"x should have 1 dimension instead of {a.ndim}")
    return wrap(a.astype(np.int64))


def read_image_file(path: str) -> Tensor:
    """Pictures [N, height, width] of an idx file."""
    return images(array_of(unpacked(path), path))


def read_label_file(path: str) -> Tensor:
    """Classes [N] of an idx file."""
    return labels(array_of(unpacked(path), path))
