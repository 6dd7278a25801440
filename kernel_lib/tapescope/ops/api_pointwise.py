"""PyTorch's signatures for elementwise functions whose arguments are more than their operands."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.arrays import as_array
from ..core.inplace import assign
from ..core.op import run
from ..core.state import mode
from ..core.tensor import Tensor, wrap
from . import elementary as el
from . import pointwise as pw
from .returned import named

_Pairs: dict[str, Any] = {"frexp": named("frexp", "mantissa", "exponent")}


def _checked(f: Any, name: str, a: Any, b: Any, out: Any) -> Tensor:
    r = f(a, b, out=out)
    if r is NotImplemented:
        wrong = b if isinstance(a, Tensor) else a
        raise TypeError(f"{name}(): argument must be Tensor or Number, not {type(wrong).__name__}")
    return r


def to_common(*tensors: Tensor) -> list[Tensor]:
    """Tensors in the dtype that PyTorch computes with when they meet."""
    d = dt.result_type(tensors[0]._array, tensors[1]._array)
    for t in tensors[2:]:
        d = dt.result_type(np.empty((1,) * t._array.ndim, d.dtype), t._array)
    return [t if t._array.dtype == d.dtype else t.to(d) for t in tensors]


def times_alpha(scaled: Any, other: Any, alpha: Any) -> Any:
    """alpha * scaled, in the dtype that it has in common with the other operand."""
    if alpha.__class__ is int and alpha == 1:
        return scaled
    if isinstance(alpha, (Tensor, np.generic)):
        alpha = alpha.item()
    operands = [x._array if isinstance(x, Tensor) else x for x in (scaled, other)]
    d = dt.result_type(*operands)
    if isinstance(alpha, bool) and d.category:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, complex) and d.category < 3:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    if isinstance(alpha, float) and d.category < 2:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    alpha = dt.stored(alpha, d) if d.category else bool(alpha)
    if isinstance(scaled, Tensor) and operands[0].dtype != d.dtype:
        scaled = scaled.to(d)
    return scaled * alpha


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """input + alpha * other."""
    return _checked(pw.add, "add", input, times_alpha(other, input, alpha), out)


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """input - alpha * other."""
    return _checked(pw.sub, "sub", input, times_alpha(other, input, alpha), out)


def mul(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """input * other, elementwise."""
    return _checked(pw.mul, "mul", input, other, out)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Tensor:
    """input / other, elementwise; rounded by "floor" or "trunc" when asked."""
    if rounding_mode is None:
        return _checked(pw.div, "div", input, other, out)
    if rounding_mode == "floor":
        return _checked(el.div_floor, "div", input, other, out)
    if rounding_mode == "trunc":
        return _checked(el.div_trunc, "div", input, other, out)
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}")


def _by_other(of_number: Any, of_tensor: Any, name: str) -> Any:
    def call(input: Any, other: Any, *, out: Any = None) -> Tensor:
        return _checked(of_tensor if isinstance(other, Tensor) and isinstance(input, Tensor) else of_number, name, input, other, out)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{name}` of input and other, elementwise; the sign of the result is that of the {'divisor' if name == 'remainder' else 'dividend'}."
    return call


remainder, fmod = _by_other(pw.remainder, el.remainder_tensor, "remainder"), _by_other(pw.fmod, el.fmod_tensor, "fmod")


def copysign(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """The magnitude of input with the sign of other, elementwise."""
    return _checked(el.copysign if isinstance(other, Tensor) else el.copysign_number, "copysign", input, other, out)


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    if isinstance(input, Tensor) and input._array.dtype.kind == "b":
        alpha = 1                                            # a mask is refused whatever it is multiplied by
    return _checked(el.rsub_tensor if isinstance(other, Tensor) else pw.rsub, "rsub", times_alpha(input, other, alpha), other, None)


def floor_divide(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """The largest integer not above input / other."""
    return _checked(el.div_floor, "floor_divide", input, other, out)


def pow(input: Any, exponent: Any) -> Any:
    """input ** exponent, elementwise."""
    _one_tensor("pow", input, exponent)
    if isinstance(exponent, (int, float)) and not isinstance(exponent, bool) and isinstance(input, Tensor):
        if exponent.__class__ is int and exponent > 127 and input.dtype.category == 1:
            exponent = dt.stored(exponent, input.dtype)
        return pw.pow_scalar(input, exponent)
    if isinstance(input, (int, float)) and not isinstance(input, bool):
        return rpow(exponent, input)
    return pw.pow(input, exponent)


def _one_tensor(name: str, input: Any, exponent: Any) -> None:
    if isinstance(input, (int, float, complex)) and isinstance(exponent, (int, float, complex)):
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({type(input).__name__}, {type(exponent).__name__}), but expected one of:\n"
                        " * (Tensor input, Tensor exponent, *, Tensor out)\n * (Number self, Tensor exponent, *, Tensor out)\n"
                        " * (Tensor input, Number exponent, *, Tensor out)")


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


def float_power(input: Any, exponent: Any, *, out: Any = None) -> Tensor:
    """input ** exponent in double precision."""
    _one_tensor("float_power", input, exponent)
    wide = [x.to(dt.complex128 if x.dtype.is_complex else dt.float64) if isinstance(x, Tensor) else x for x in (input, exponent)]
    for i, x in enumerate(wide):
        if not isinstance(x, Tensor) and isinstance(x, (int, float)):
            wide[i] = float(x)
    return pw.given(pow(*wide), out)


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """Elements limited to [min, max]; a limit is a number or a tensor."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        if min is not None and max is not None and not (isinstance(min, Tensor) and isinstance(max, Tensor)):
            raise TypeError("clamp() received an invalid combination of arguments: both limits are numbers, or both are tensors")
        return pw.given(run(el.clamp_tensor.op, (input, min, max)), out)
    low, high = [v.item() if isinstance(v, np.generic) else v for v in (min, max)]
    if any(isinstance(v, float) for v in (low, high)) and input.dtype.category < 2:
        input = input.to(dt.get_default_dtype())
    low, high = [None if v is None else dt.stored(v, input.dtype) for v in (low, high)]
    return pw.given(pw.clamp(input, low, high), out)


def _limit(input: Tensor, value: Any) -> Any:
    return dt.stored(value, dt.result_type(input._array, value)) if isinstance(value, (int, float)) else value


def _must_be_tensor(name: str, limit: str, input: Any, value: Any) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({type(input).__name__}, {type(value).__name__}), but expected one of:\n"
                        f" * (Tensor input, Tensor {limit}, *, Tensor out = None)\n * (Tensor input, Number {limit}, *, Tensor out = None)\n")


def clamp_min(input: Tensor, min: Any, *, out: Any = None) -> Tensor:
    """Elements not below `min`."""
    _must_be_tensor("clamp_min", "min", input, min)
    return pw.given(el.clamp_min_tensor(input, min) if isinstance(min, Tensor) else el.clamp_min(input, _limit(input, min)), out)


def clamp_max(input: Tensor, max: Any, *, out: Any = None) -> Tensor:
    """Elements not above `max`."""
    _must_be_tensor("clamp_max", "max", input, max)
    return pw.given(el.clamp_max_tensor(input, max) if isinstance(max, Tensor) else el.clamp_max(input, _limit(input, max)), out)


def round(input: Tensor, *, decimals: int | None = None, out: Any = None) -> Tensor:
    """To the nearest integer (halves to the even one), or to so many decimals."""
    if decimals is None:
        return pw.given(pw.round(input, 0), out)
    if input.dtype.category < 2 and decimals:
        raise RuntimeError(f"round_cpu not implemented for {input.dtype.tensor_name!r} with decimals")
    return pw.given(el.round_decimals(input, decimals), out)


def nan_to_num(input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None, *, out: Any = None) -> Tensor:
    """Numbers instead of nan, +inf and -inf; by default 0 and the largest and smallest of the dtype."""
    return pw.given(el.nan_to_num(input, nan or 0.0, posinf, neginf), out)


def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    if input.dtype is dt.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def frexp(input: Tensor, *, out: Any = None) -> Any:
    """(mantissa, exponent) with input = mantissa * 2 ** exponent and 0.5 <= |mantissa| < 1."""
    if input.dtype.category != 2:
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes (got {input.dtype})")
    mantissa = el.frexp(input)
    return _Pairs["frexp"](mantissa, wrap(as_array(np.frexp(input._array)[1], np.int32)))


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` in which every element is `value`, a number or a 0-d tensor."""
    if isinstance(value, Tensor) and value._array.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value._array.ndim} dimensions.")
    return run(el.fill.op, (input, value if isinstance(value, Tensor) else dt.stored(value, input.dtype)))


def fill_(t: Tensor, value: Any) -> Tensor:
    if mode.sink is None and not t._req and not t._is_view() and not isinstance(value, Tensor):
        t._array.fill(dt.stored(value, t.dtype))
        t.bump()
        return t
    return assign(fill, t, value)


def zero_(input: Tensor) -> Tensor:
    if mode.sink is None and not input._req and not input._is_view():
        input._array.fill(0)
        input.bump()
        return input
    return assign(el.zero, input)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`."""
    if input is None and other is None:
        from .api_reduce import nonzero

        return nonzero(condition, as_tuple=True)
    from ..core import errors

    shapes = [x._array.shape if isinstance(x, Tensor) else () for x in (condition, input, other)]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise errors.broadcast(*sorted(shapes, key=len, reverse=True)) from None
    if input.__class__ is int or other.__class__ is int:
        d = dt.result_type(*[x._array if isinstance(x, Tensor) else x for x in (input, other)])
        input, other = [dt.stored(x, d) if x.__class__ is int and d.category == 1 else x for x in (input, other)]
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        kind = dt.result_type(input, other).dtype
        input, other = wrap(np.asarray(input, kind)), wrap(np.asarray(other, kind))
    return pw.where(condition, input, other)


def _same_dtype(name: str, *ts: Any) -> None:
    kinds = [t.dtype for t in ts if isinstance(t, Tensor)]
    for k in kinds[1:]:
        if k is not kinds[0]:
            raise RuntimeError(f"expected dtype {kinds[0].name} for `{name}`, but got dtype {k.name}")


def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Any = None) -> Tensor:
    """input + weight * (end - input)."""
    if isinstance(weight, Tensor):
        _same_dtype("weight", input, end, weight)
        return pw.given(run(el.lerp.op, (input, end, weight)), out)
    _same_dtype("end", input, end)
    return pw.given(run(el.lerp_scalar.op, (input, end), (weight,)), out)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: Any = None) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return pw.given(run(el.addcmul.op, (input, tensor1, tensor2), (value,)), out)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1, out: Any = None) -> Tensor:
    """input + value * tensor1 / tensor2."""
    if all(t.dtype.category < 2 for t in (tensor1, tensor2)):
        raise RuntimeError("Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of "
                           "tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
                           "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs.")
    return pw.given(run(el.addcdiv.op, (input, tensor1, tensor2), (value,)), out)
