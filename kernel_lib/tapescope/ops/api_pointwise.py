"""PyTorch's signatures for elementwise functions whose arguments are more than their operands."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor
from . import pointwise as pw


def _checked(f: Any, name: str, a: Any, b: Any, out: Any) -> Tensor:
    r = f(a, b, out=out)
    if r is NotImplemented:
        wrong = b if isinstance(a, Tensor) else a
        raise TypeError(f"{name}(): argument must be Tensor or Number, not {type(wrong).__name__}")
    return r


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """input + alpha * other."""
    return _checked(pw.add, "add", input, other if alpha == 1 else other * alpha, out)


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """input - alpha * other."""
    return _checked(pw.sub, "sub", input, other if alpha == 1 else other * alpha, out)


def mul(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """input * other, elementwise."""
    return _checked(pw.mul, "mul", input, other, out)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Tensor:
    """input / other, elementwise; rounded by "floor" or "trunc" when asked."""
    if rounding_mode is None:
        return _checked(pw.div, "div", input, other, out)
    if rounding_mode == "floor":
        return pw.floor_divide(input, other)
    if rounding_mode == "trunc":
        return pw.trunc(pw.div(input, other))
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}")


def pow(input: Any, exponent: Any) -> Any:
    """input ** exponent, elementwise."""
    if isinstance(exponent, (int, float)) and not isinstance(exponent, bool) and isinstance(input, Tensor):
        return pw.pow_scalar(input, exponent)
    if isinstance(input, (int, float)) and not isinstance(input, bool):
        return rpow(exponent, input)
    return pw.pow(input, exponent)


def rpow(exponent: Any, base: Any) -> Any:
    """base ** exponent for a number as base."""
    if isinstance(base, (int, float)) and isinstance(exponent, Tensor):
        if isinstance(base, float) and exponent.dtype.category < 2:
            exponent = exponent.float()
        return pw.pow_base(exponent, base)
    return pw.pow(base, exponent)


def rdiv(input: Tensor, other: Any) -> Any:
    """other / input, as PyTorch has it: the reciprocal, times other."""
    return pw.mul(pw.reciprocal(input), other)


def square(input: Tensor) -> Tensor:
    return pw.pow_scalar(input, 2)


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """Elements limited to [min, max]."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        y = input if min is None else pw.maximum(input, min)
        return y if max is None else pw.minimum(y, max)
    return pw.clamp(input, *[v.item() if isinstance(v, np.generic) else v for v in (min, max)])


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    return pw.round(input, decimals)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`."""
    if input is None and other is None:
        from .api_reduce import nonzero

        return nonzero(condition, as_tuple=True)
    import numpy as np

    from ..core import errors

    shapes = [x._array.shape if isinstance(x, Tensor) else () for x in (condition, input, other)]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise errors.broadcast(*sorted(shapes, key=len, reverse=True)) from None
    return pw.where(condition, input, other)


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    return pw.add(input, pw.mul(pw.sub(end, input), weight))


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    return pw.add(input, pw.mul(pw.mul(tensor1, tensor2), value))


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    return pw.add(input, pw.mul(pw.div(tensor1, tensor2), value))
