"""More elementwise ops: inverse hyperbolic functions, rounding divisions, logarithms of sums, three operands, integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.arrays import as_array
from ..core.device import module_of
from ..core.op import op
from ..core.pointwise import binary, common, unary
from . import large
from .pointwise import _no_masks, exp2, fmod, isfinite, isnan, let, masked_fill, nothing, remainder, rsqrt, sigmoid, where

# -- one operand ---------------------------------------------------------------------------------------------------------------------------

acosh = unary(r"\operatorname{arcosh}({x})", np.arccosh, name="acosh", to_float=True)
asinh = unary(r"\operatorname{arsinh}({x})", np.arcsinh, name="asinh", to_float=True)
atanh = unary(r"\operatorname{artanh}({x})", np.arctanh, name="atanh", to_float=True)
deg2rad = unary(r"\tfrac{\pi}{180}\,{x}", lambda x: np.multiply(x, math.pi / 180), name="deg2rad", node="Deg2Rad", to_float=True)
rad2deg = unary(r"\tfrac{180}{\pi}\,{x}", lambda x: np.multiply(x, 180 / math.pi), name="rad2deg", node="Rad2Deg", to_float=True)
frac = unary(r"{x} - \operatorname{trunc}({x})", lambda x: x - np.trunc(x), name="frac", grad_tex=r"\bar{x} = \bar{y}")
signbit = unary(r"[{x} < 0]", lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0, name="signbit")
isneginf = unary(r"[{x} = -\infty]", lambda x: np.isneginf(x) if x.dtype.kind == "f" else module_of(x).zeros(x.shape, bool), name="isneginf")
isposinf = unary(r"[{x} = +\infty]", lambda x: np.isposinf(x) if x.dtype.kind == "f" else module_of(x).zeros(x.shape, bool), name="isposinf")

acosh.vjp(lambda g, x: g * rsqrt(x * x - 1))
asinh.vjp(lambda g, x: g * rsqrt(x * x + 1))
atanh.vjp(lambda g, x: g / (1 - x * x))
deg2rad.vjp(lambda g: g * (math.pi / 180))
rad2deg.vjp(lambda g: g * (180 / math.pi))
frac.vjp(lambda g: g)


@op(r"\operatorname{round}({x})", name="round_tensor", node="Round", grad_tex="0")
def round_decimals(x: Any, decimals: int) -> Any:
    return np.round(x, decimals)


round_decimals.op.node_name = "RoundBackward1"
round_decimals.vjp(nothing)


@op(r"\operatorname{nan\_to\_num}({x})", name="nan_to_num", grad_tex=r"\bar{x} = \bar{y} \odot [x \text{ finite}]")
def nan_to_num(x: Any, nan: float, posinf: float | None, neginf: float | None) -> Any:
    if x.dtype.kind not in "fc":
        return x.copy()
    return x.copy() if bool(np.isfinite(x).all()) else np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


nan_to_num.vjp(lambda g, x: g * isfinite(x))



def _log2_1p(x: Any) -> Any:
    return np.log1p(x) * x.dtype.type(1 / math.log(2))


# -- two operands --------------------------------------------------------------------------------------------------------------------------

hypot = binary(r"\sqrt{{a}^2 + {b}^2}", np.hypot, name="hypot")
copysign = binary(r"|{a}|\,\operatorname{sign}({b})", np.copysign, name="copysign", to_float=True,
                  grad_tex=r"\bar{a} = \bar{y}\,\frac{y}{a} \\ \bar{b} = 0")
fmax = binary(r"\max({a}, {b})", np.fmax, name="fmax", grad_tex=r"\bar{a} = \bar{y}\,[a \ge b] \\ \bar{b} = \bar{y}\,[a < b]")
fmin = binary(r"\min({a}, {b})", np.fmin, name="fmin", grad_tex=r"\bar{a} = \bar{y}\,[a \le b] \\ \bar{b} = \bar{y}\,[a > b]")
logaddexp = binary(r"\log(e^{a} + e^{b})", lambda a, b: large.log_add(a, b, np.exp, np.log1p, np.logaddexp), name="logaddexp")
logaddexp2 = binary(r"\log_2(2^{a} + 2^{b})", lambda a, b: large.log_add(a, b, np.exp2, _log2_1p, np.logaddexp2), name="logaddexp2")
ldexp = binary(r"{a}\,2^{b}", lambda a, b: a * np.exp2(b), name="ldexp", to_float=True)

hypot.vjp(lambda g, a, y: g * (a / y), lambda g, b, y: g * (b / y))
copysign.vjp(lambda g, a, y: where(a == 0, g * 0, g * (y / a)), nothing)
copysign_number = binary(copysign.op.tex, np.copysign, name="copysign_number", to_float=True, grad_tex=copysign.op.grad_tex).vjp(*copysign.op.vjps)
copysign_number.op.node_name = "CopysignBackward1"
fmax.vjp(lambda g, a, b: let(g, (a >= b) | isnan(b)), lambda g, a, b: masked_fill(g, (a >= b) | isnan(b), 0))
fmin.vjp(lambda g, a, b: let(g, (a <= b) | isnan(b)), lambda g, a, b: masked_fill(g, (a <= b) | isnan(b), 0))
logaddexp.vjp(lambda g, a, b: g * sigmoid(a - b), lambda g, a, b: g * sigmoid(b - a))
logaddexp2.vjp(lambda g, a, b: g / (1 + exp2(b - a)), lambda g, a, b: g / (1 + exp2(a - b)))
ldexp.vjp(lambda g, b: g * exp2(b), lambda g, y: g * y * math.log(2))


def _floor(a: Any, b: Any) -> Any:
    large.no_zero(a, b)
    return large.floor_divide(a, b)


def _trunc(a: Any, b: Any) -> Any:
    large.no_zero(a, b)
    if a.dtype.kind == "f":
        return np.trunc(np.true_divide(a, b))
    q = np.floor_divide(a, b)
    return q + ((q < 0) & (q * b != a)).astype(q.dtype)


div_floor = binary(r"\left\lfloor \frac{a}{b} \right\rfloor", _floor, name="div_floor", node="Div", grad_tex="0")
div_trunc = binary(r"\operatorname{trunc}\left(\frac{a}{b}\right)", _trunc, name="div_trunc", node="Div", grad_tex="0")
for _rounded in (div_floor, div_trunc):
    _rounded.op.node_name = "DivBackward2"
    _rounded.vjp(nothing, nothing)

# PyTorch's nodes tell whether the other operand was a number (0) or a tensor (1).
remainder_tensor = binary(remainder.op.tex, large.remainder, name="remainder_tensor", grad_tex=remainder.op.grad_tex)
fmod_tensor = binary(fmod.op.tex, large.fmod, name="fmod_tensor", grad_tex=fmod.op.grad_tex)
rsub_tensor = binary(r"{b} - {a}", lambda a, b: np.subtract(b, a), name="rsub_tensor")
remainder_tensor.vjp(*remainder.op.vjps)
fmod_tensor.vjp(*fmod.op.vjps)
rsub_tensor.op.forward = _no_masks(rsub_tensor.op.forward)
rsub_tensor.vjp(lambda g: -g, lambda g: g)
remainder_tensor.op.node_name, fmod_tensor.op.node_name, rsub_tensor.op.node_name = "RemainderBackward1", "FmodBackward1", "RsubBackward0"

heaviside = binary(r"\operatorname{heaviside}({a}, {b})", lambda a, b: np.where(a == 0, b, a > 0).astype(a.dtype), name="heaviside", differentiable=False)
gcd = binary(r"\gcd({a}, {b})", np.gcd, name="gcd", differentiable=False)
lcm = binary(r"\operatorname{lcm}({a}, {b})", np.lcm, name="lcm", differentiable=False)


def _shift(ufunc: Any, past: Any) -> Any:
    def shift(a: Any, b: Any) -> Any:
        bits = a.dtype.itemsize * 8
        inside = (b >= 0) & (b < bits)
        if np.all(inside):
            return ufunc(a, np.asarray(b, a.dtype))
        return np.where(inside, ufunc(a, np.where(inside, b, 0).astype(a.dtype)), past(a)).astype(a.dtype)
    return shift


bitwise_left_shift = binary(r"{a} \ll {b}", _shift(np.left_shift, lambda a: a * 0), name="bitwise_left_shift", differentiable=False)
bitwise_right_shift = binary(r"{a} \gg {b}", _shift(np.right_shift, lambda a: np.where(a < 0, -1, 0) if a.dtype.kind == "i" else a * 0),
                             name="bitwise_right_shift", differentiable=False)

# -- three operands ------------------------------------------------------------------------------------------------------------------------


@op(r"{a} + w\,({b} - {a})", operands=2, name="lerp_scalar", node="Lerp", grad_tex=r"\bar{a} = \bar{y}\,(1 - w) \\ \bar{b} = \bar{y}\,w")
def lerp_scalar(a: Any, b: Any, weight: Any) -> Any:
    w = a.dtype.type(weight)
    return a + w * (b - a) if abs(weight) < 0.5 else b - (b - a) * (1 - w)


@op(r"{a} + {w}\,({b} - {a})", operands=3, name="lerp", grad_tex=r"\bar{a} = \bar{y}\,(1 - w) \\ \bar{b} = \bar{y}\,w \\ \bar{w} = \bar{y}\,(b - a)")
def lerp(a: Any, b: Any, w: Any) -> Any:
    return np.where(np.abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w)).astype(a.dtype, copy=False)


lerp_scalar.vjp(lambda g, weight: g * (1 - weight), lambda g, weight: g * weight)
lerp.vjp(lambda g, w: g * (1 - w), lambda g, w: g * w, lambda g, a, b: g * (b - a))
lerp.op.node_name = "LerpBackward1"


def _three(x: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    x, _ = common(x, a)
    x, b = common(x, b)
    return x, a.astype(x.dtype, copy=False), b


@op(r"{x} + v\,{a} \odot {b}", operands=3, name="addcmul", grad_tex=r"\bar{x} = \bar{y} \\ \bar{a} = v\,\bar{y} \odot b \\ \bar{b} = v\,\bar{y} \odot a")
def addcmul(x: Any, a: Any, b: Any, value: Any) -> Any:
    x, a, b = _three(x, a, b)
    return x + (a * b if value == 1 else a.dtype.type(value) * a * b)


@op(r"{x} + v\,\frac{a}{b}", operands=3, name="addcdiv",
    grad_tex=r"\bar{x} = \bar{y} \\ \bar{a} = v\,\frac{\bar{y}}{b} \\ \bar{b} = -v\,\frac{\bar{y} \odot a}{b^2}")
def addcdiv(x: Any, a: Any, b: Any, value: Any) -> Any:
    x, a, b = _three(x, a, b)
    return x + (a / b if value == 1 else a.dtype.type(value) * (a / b))


addcmul.vjp(lambda g: g, lambda g, b, value: g * b * value, lambda g, a, value: g * a * value)
addcdiv.vjp(lambda g: g, lambda g, b, value: g / b * value, lambda g, a, b, value: -g * a / (b * b) * value)


@op(r"\operatorname{clamp}({x}, {low}, {high})", operands=3, name="clamp_tensor", node="Clamp", grad_tex=r"\bar{x} = \bar{y} \odot [\text{low} \le x \le \text{high}]")
def clamp_tensor(x: Any, low: Any, high: Any) -> Any:
    """Limits are tensors, or None."""
    if low is not None:
        x = np.maximum(*common(x, low))
    return x if high is None else np.minimum(*common(x, high))


def _inside(x: Any, low: Any, high: Any) -> Any:
    inside = x == x if low is None else x >= low
    return inside if high is None else inside & (x <= high)


def _below(x: Any, low: Any, high: Any) -> Any:
    return x < low if high is None else (x < low) & (low < high)


def _above(x: Any, low: Any, high: Any) -> Any:
    return x > high if low is None else (x > high) | (low > high)


clamp_tensor.vjp(lambda g, x, low, high: let(g, _inside(x, low, high)), lambda g, x, low, high: let(g, _below(x, low, high)),
                 lambda g, x, low, high: let(g, _above(x, low, high)))

# With one limit PyTorch has nodes of their own.
clamp_min_tensor = binary(r"\max({a}, {b})", np.maximum, name="clamp_min_tensor", node="ClampMin", grad_tex=r"\bar{a} = \bar{y}\,[a \ge b] \\ \bar{b} = \bar{y}\,[a < b]")
clamp_max_tensor = binary(r"\min({a}, {b})", np.minimum, name="clamp_max_tensor", node="ClampMax", grad_tex=r"\bar{a} = \bar{y}\,[a \le b] \\ \bar{b} = \bar{y}\,[a > b]")
clamp_min_tensor.vjp(lambda g, a, b: let(g, a >= b), lambda g, a, b: let(g, a < b))
clamp_max_tensor.vjp(lambda g, a, b: let(g, a <= b), lambda g, a, b: let(g, a > b))
clamp_min_tensor.op.node_name, clamp_max_tensor.op.node_name = "ClampMinBackward1", "ClampMaxBackward1"


@op(r"\max({x}, {low})", name="clamp_min", grad_tex=r"\bar{x} = \bar{y} \odot [x \ge \text{low}]")
def clamp_min(x: Any, low: Any) -> Any:
    return np.maximum(*common(x, low))


@op(r"\min({x}, {high})", name="clamp_max", grad_tex=r"\bar{x} = \bar{y} \odot [x \le \text{high}]")
def clamp_max(x: Any, high: Any) -> Any:
    return np.minimum(*common(x, high))


clamp_min.vjp(lambda g, x, low: let(g, x >= low))
clamp_max.vjp(lambda g, x, high: let(g, x <= high))


@op(r"\operatorname{frexp}({x})", name="frexp", aux=("exponent",), grad_tex=r"\bar{x} = \bar{y}\,2^{-e}")
def frexp(x: Any) -> Any:
    return np.frexp(x)


frexp.vjp(lambda g, exponent: g / exp2(as_array(exponent).astype(g.dtype if not hasattr(g, "_array") else g._array.dtype)))


@op(r"{value}", operands=2, name="fill", grad_tex=r"\bar{x} = 0 \\ \bar{v} = \textstyle\sum \bar{y}")
def fill(x: Any, value: Any) -> Any:
    return np.full_like(x, value)


fill.vjp(nothing, lambda g: g)


@op(r"0", name="zero", grad_tex="0")
def zero(x: Any) -> Any:
    return np.zeros_like(x)


zero.vjp(nothing)


@op(r"{x} \text{ filled with } {value}", operands=2, name="masked_fill_tensor", node="MaskedFill",
    grad_tex=r"\bar{x} = \bar{y} \odot (1 - m);\quad \bar{v} = \textstyle\sum \bar{y} \odot m")
def masked_fill_tensor(x: Any, value: Any, mask: Any) -> Any:
    return np.where(mask, value.astype(x.dtype), x)


masked_fill_tensor.op.node_name = "MaskedFillBackward1"
masked_fill_tensor.vjp(lambda g, mask: masked_fill(g, mask, 0), lambda g, mask: masked_fill(g, ~mask, 0))
