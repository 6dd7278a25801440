"""Names that PyTorch has for how tensors lie in memory; here they are accepted, and every new tensor is contiguous."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtype as dt


class _Name:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


class layout(_Name):
    """How elements are stored: `strided`, and `sparse_coo` of gradients of tables."""


class memory_format(_Name):
    """In which order the dimensions lie."""


strided = layout("strided")
sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc = (layout("sparse_" + k) for k in ("coo", "csr", "csc", "bsr", "bsc"))
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")


class finfo:
    """Limits of a floating-point dtype: `bits eps max min tiny smallest_normal resolution dtype`."""

    def __init__(self, type: dt.dtype | None = None) -> None:
        d = dt.get_default_dtype() if type is None else type
        if not isinstance(d, dt.dtype) or d.category < 2:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{d}'")
        if d.name == "bfloat16":
            from ml_dtypes import finfo as limits
        else:
            limits = np.finfo
        info: Any = limits(d.dtype)
        self.bits, self.eps, self.max, self.min = int(info.bits), float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution, self.dtype = float(f"1e-{info.precision}"), d.name

    def __repr__(self) -> str:
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})")


class iinfo:
    """Limits of an integer dtype: `bits max min dtype`."""

    def __init__(self, type: dt.dtype) -> None:
        if not isinstance(type, dt.dtype) or type.category != 1:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        info = np.iinfo(type.dtype)
        self.bits, self.max, self.min, self.dtype = int(info.bits), int(info.max), int(info.min), type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def can_cast(from_: dt.dtype, to: dt.dtype) -> bool:
    """Whether PyTorch lets one dtype be written into another: never to a lower category."""
    return from_.category <= to.category
