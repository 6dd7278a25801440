"""Convolutions and transposed convolutions in one, two and three dimensions."""
# mypy: no-warn-return-any

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core.tensor import Tensor
from ...ops.creation import empty
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

_MODES = ("zeros", "reflect", "replicate", "circular")


def as_sizes(value: Any, d: int) -> tuple[int, ...]:
    return (value,) * d if isinstance(value, int) else tuple(value)


class _ConvNd(Module):
    dims = 2
    transposed = False

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, groups: int, bias: bool,
                 padding_mode: str, output_padding: Any = 0, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        d = self.dims
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in as_sizes(stride, d)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _MODES:
            raise ValueError(f"padding_mode must be one of {set(_MODES)}, but got padding_mode='{padding_mode}'")
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        self.kernel_size, self.stride, self.dilation = as_sizes(kernel_size, d), as_sizes(stride, d), as_sizes(dilation, d)
        self.output_padding = as_sizes(output_padding, d)
        self.padding: Any = padding if isinstance(padding, str) else as_sizes(padding, d)
        self._border = self._widths()
        self._make(device, dtype)
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self) -> tuple[int, ...]:
        i, o = self.in_channels, self.out_channels
        return (i, o // self.groups, *self.kernel_size) if self.transposed else (o, i // self.groups, *self.kernel_size)

    def _make(self, device: Any, dtype: Any) -> None:
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))

    def _widths(self) -> list[int]:
        """What a padding mode other than zeros adds, from the last dimension backwards."""
        if self.padding == "valid":
            return [0, 0] * self.dims
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(reversed(self.dilation), reversed(self.kernel_size), strict=True)]
            return [w for t in totals for w in (t // 2, t - t // 2)]
        return [w for p in reversed(self.padding) for w in (p, p)]

    def reset_parameters(self) -> None:
        """Draws weight and bias from U(-1/√fan, 1/√fan)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan = math.prod(self.weight._array.shape[1:])
            if fan:
                init.uniform_(self.bias, -1 / math.sqrt(fan), 1 / math.sqrt(fan))

    def forward(self, input: Tensor) -> Tensor:
        function: Any = (F.conv1d, F.conv2d, F.conv3d)[self.dims - 1]
        if self.padding_mode != "zeros":
            wide = F.pad(input, self._border, self.padding_mode)
            return function(wide, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return function(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        zeros, ones = (0,) * self.dims, (1,) * self.dims
        s = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != zeros:
            s += f", padding={self.padding}"
        if self.dilation != ones:
            s += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            s += f", output_padding={self.output_padding}"
        if self.groups != 1:
            s += f", groups={self.groups}"
        if self._parameters["bias"] is None:
            s += ", bias=False"
        return s if self.padding_mode == "zeros" else f"{s}, padding_mode={self.padding_mode}"


class _Conv(_ConvNd):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
                 bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device=device, dtype=dtype)


class Conv1d(_Conv):
    """Cross-correlation. Input (N, C, L), output (N, out_channels, L')."""

    dims = 1


class Conv2d(_Conv):
    """Cross-correlation. Input (N, C, H, W), output (N, out_channels, H', W')."""

    dims = 2


class Conv3d(_Conv):
    """Cross-correlation. Input (N, C, D, H, W), output (N, out_channels, D', H', W')."""

    dims = 3


class _ConvTranspose(_ConvNd):
    transposed = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
                 bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, output_padding, device, dtype)

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """What is missing to the size that is asked for."""
        if output_size is None:
            return self.output_padding
        d, size = self.dims, list(output_size)
        batched = input.ndim == d + 2
        if len(size) == d + (2 if batched else 1):
            size = size[-d:]
        if len(size) != d:
            raise ValueError(f"{type(self).__name__}: for {input.ndim}D input, output_size must have {d} or {d + (2 if batched else 1)} elements (got {len(output_size)})")
        least = [(n - 1) * s - 2 * p + dil * (k - 1) + 1 for n, s, p, dil, k in
                 zip(input.shape[-d:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not low <= n <= high for n, low, high in zip(size, least, most, strict=True)):
            raise ValueError(f"requested an output size of {output_size}, but valid sizes range from {least} to {most} (for an input of {list(input.shape[2:])})")
        return tuple(n - low for n, low in zip(size, least, strict=True))

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        function: Any = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.dims - 1]
        return function(input, self.weight, self.bias, self.stride, self.padding, self._output_padding(input, output_size), self.groups, self.dilation)


class ConvTranspose1d(_ConvTranspose):
    """The transpose of a convolution. Input (N, C, L)."""

    dims = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of a convolution. Input (N, C, H, W). Zeiler et al., 2010."""

    dims = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of a convolution. Input (N, C, D, H, W)."""

    dims = 3
