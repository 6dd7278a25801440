"""Borders around sequences, images and volumes."""
# mypy: no-warn-return-any

from __future__ import annotations

from typing import Any

from ...core.tensor import Tensor
from .. import functional as F
from .module import Module


class _Pad(Module):
    dims = 2
    mode = "constant"

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.dims) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * self.dims:
            raise ValueError(f"Expected a tuple of length {2 * self.dims}, but got {padding} of length {len(self.padding)}")

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _CircularPad(_Pad):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (self.dims + 1, self.dims + 2):
            raise ValueError(f"expected {self.dims + 1}D or {self.dims + 2}D input (got {input.ndim}D input)")
        return super().forward(input)


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ReflectionPad1d(_Pad):
    """Rows mirrored at the border, which is not repeated."""

    dims, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Rows mirrored at the border, which is not repeated."""

    dims, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Rows mirrored at the border, which is not repeated."""

    dims, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The outermost rows repeated."""

    dims, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The outermost rows repeated."""

    dims, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The outermost rows repeated."""

    dims, mode = 3, "replicate"


class ZeroPad1d(_ZeroPad):
    """Zeros around the input."""

    dims = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around the input."""

    dims = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around the input."""

    dims = 3


class ConstantPad1d(_ConstantPad):
    """A value around the input."""

    dims = 1


class ConstantPad2d(_ConstantPad):
    """A value around the input."""

    dims = 2


class ConstantPad3d(_ConstantPad):
    """A value around the input."""

    dims = 3


class CircularPad1d(_CircularPad):
    """Rows from the other side."""

    dims = 1


class CircularPad2d(_CircularPad):
    """Rows from the other side."""

    dims = 2


class CircularPad3d(_CircularPad):
    """Rows from the other side."""

    dims = 3
