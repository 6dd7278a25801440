"""Elementwise ops. `g` is the upstream gradient, `y` the output; every vjp runs on arrays, Tensors and symbols alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.device import module_of
from ..core.node import same
from ..core.op import op
from ..core.pointwise import binary, unary, write_out
from . import large

# Named in rules that stand above them.
floor: Any
trunc: Any
where: Any
_ndarray = np.ndarray


def given(result: Any, out: Any) -> Any:
    """The result, or `out` with the result in it, where one was given."""
    return result if out is None else write_out(out, result)


def given_all(results: Any, out: Any) -> Any:
    """As `given`, for a named tuple of results."""
    return results if out is None else type(results)(*[write_out(o, r) for o, r in zip(out, results, strict=True)])


def let(g: Any, mask: Any) -> Any:
    """A gradient where `mask` is not 0, else 0, whatever it is there."""
    return large.let(g, mask) if g.__class__ is _ndarray else masked_fill(g, mask == 0, 0)


def nothing(g: Any) -> Any:
    """The gradient of what is flat everywhere."""
    return np.zeros_like(g) if g.__class__ is _ndarray else masked_fill(g, True, 0)


# -- arithmetic -------------------------------------------------------------------------------------------------------------------------

add = binary(r"{a} + {b}", np.add, name="add")
sub = binary(r"{a} - {b}", np.subtract, name="sub")
rsub = binary(r"{b} - {a}", lambda a, b: np.subtract(b, a), name="rsub")
rsub.op.node_name = "RsubBackward1"


def _no_masks(forward: Any) -> Any:
    def checked(a: Any, b: Any) -> Any:
        masks = [x.__class__ is bool or getattr(getattr(x, "dtype", None), "kind", "") == "b" for x in (a, b)]
        if all(masks) and hasattr(a, "dtype") and hasattr(b, "dtype"):
            raise RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.")
        if any(masks):
            raise RuntimeError("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` "
                               "operator instead.")
        return forward(a, b)
    return checked


sub.op.forward, rsub.op.forward = _no_masks(sub.op.forward), _no_masks(rsub.op.forward)
mul = binary(r"{a} \odot {b}", np.multiply, name="mul")
div = binary(r"\frac{a}{b}", np.true_divide, name="div", to_float=True)


def _negative(x: Any) -> Any:
    if x.dtype.kind == "b":
        raise RuntimeError("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.")
    return np.negative(x)


neg = unary(r"-{x}", _negative, name="neg")
reciprocal = unary(r"\frac{1}{x}", lambda x: 1 / x, name="reciprocal", to_float=True)

add.vjp(same,             same)
sub.vjp(same,             lambda g: -g)
rsub.vjp(lambda g: -g,    lambda g: g)
mul.vjp(lambda g, b: g * b, lambda g, a: g * a)
div.vjp(lambda g, b: g / b, lambda g, a, b: -g * a / (b * b))
neg.op.inplace_ufunc = None                               # NumPy 2.4 negates every fourth element of its own memory wrongly
neg.vjp(lambda g: -g)
reciprocal.vjp(lambda g, y: -g * y * y)


def _power(x: Any, p: Any) -> Any:
    kind = getattr(getattr(x, "dtype", None), "kind", "f")
    if isinstance(p, int) and p < 0 and kind in "iu":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    if isinstance(p, (int, float)) and hasattr(x, "dtype"):
        if p == 2:
            return x * x
        if p == 3:
            return x * x * x
        if p == 0.5 and kind == "f":
            return np.sqrt(x)
    if kind == "i" and getattr(getattr(p, "dtype", None), "kind", "") == "i" and (p < 0).any():
        y = np.power(x, np.maximum(p, 0))                   # whole numbers: 1 / x^n is 0 but for 1 and -1
        return np.where(p < 0, np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (p % 2), 0)), y).astype(y.dtype)
    return np.power(x, p)


def _log_or_zero(a: Any) -> Any:
    if isinstance(a, (int, float)):
        return math.log(a) if a > 0 else 0.0
    return where(a > 0, log(a), 0.0)


pow = binary(r"{a}^{b}", _power, name="pow")
pow.op.node_name = "PowBackward1"
pow.vjp(lambda g, a, b: g * b * a ** (b - 1),
        lambda g, a, y: g * y * _log_or_zero(a))
pow.op.grad_tex = r"\bar{a} = \bar{y}\,b\,a^{b-1} \\ \bar{b} = \bar{y}\,y\,\log a"


@op(r"{x}^{p}", node="Pow", name="pow_scalar", grad_tex=r"\bar{x} = \bar{y} \odot p\,x^{p - 1}")
def pow_scalar(x: Any, p: Any) -> Any:
    if x.dtype.kind in "biu" and isinstance(p, float):
        from ..core.dtype import get_default_dtype

        x = x.astype(get_default_dtype().dtype)
    return _power(x, p)


def _pow_scalar_grad(g: Any, x: Any, p: Any) -> Any:
    if p == 0:
        return nothing(g)
    return g * (p * x) if p == 2 else g * (p * x ** (p - 1))


pow_scalar.vjp(_pow_scalar_grad)



@op(r"{base}^{x}", name="pow_base", grad_tex=r"\bar{x} = \bar{y}\,y\,\log b")
def pow_base(x: Any, base: Any) -> Any:
    """A number to the power of a tensor."""
    return np.power(base, x)


pow_base.op.node_name = "PowBackward2"
pow_base.vjp(lambda g, y, base: g * y * _log_or_zero(base))

maximum = binary(r"\max({a}, {b})", np.maximum, name="maximum", grad_tex=r"\bar{a} = \bar{y}\,[a > b] + \tfrac{1}{2}\bar{y}\,[a = b]")
minimum = binary(r"\min({a}, {b})", np.minimum, name="minimum", grad_tex=r"\bar{a} = \bar{y}\,[a < b] + \tfrac{1}{2}\bar{y}\,[a = b]")


def _unless(g: Any, lost: Any, tie: Any) -> Any:
    # where both are equal, each gets half; a NaN gets all
    return masked_fill(where(tie, g * 0.5, g), lost, 0)


maximum.vjp(lambda g, a, b: _unless(g, a < b, a == b), lambda g, a, b: _unless(g, a > b, a == b))
minimum.vjp(lambda g, a, b: _unless(g, a > b, a == b), lambda g, a, b: _unless(g, a < b, a == b))

atan2 = binary(r"\operatorname{atan2}({a}, {b})", np.arctan2, name="atan2", to_float=True)
atan2.vjp(lambda g, a, b: g * b / (a * a + b * b), lambda g, a, b: -g * a / (a * a + b * b))

remainder = binary(r"{a} \bmod {b}", large.remainder, name="remainder", grad_tex=r"\bar{a} = \bar{y} \\ \bar{b} = -\bar{y}\,\lfloor a / b \rfloor")
remainder.vjp(lambda g: g, lambda g, a, b: -g * floor(a / b))
fmod = binary(r"\operatorname{fmod}({a}, {b})", large.fmod, name="fmod", grad_tex=r"\bar{a} = \bar{y} \\ \bar{b} = -\bar{y}\,\operatorname{trunc}(a / b)")
fmod.vjp(lambda g: g, lambda g, a, b: -g * trunc(a / b))
floor_divide = binary(r"\left\lfloor \frac{a}{b} \right\rfloor", large.floor_divide, name="floor_divide", differentiable=False)

# -- comparison and logic: no gradient ---------------------------------------------------------------------------------------------------

eq = binary(r"[{a} = {b}]", np.equal, name="eq", differentiable=False)
ne = binary(r"[{a} \ne {b}]", np.not_equal, name="ne", differentiable=False)
lt = binary(r"[{a} < {b}]", np.less, name="lt", differentiable=False)
le = binary(r"[{a} \le {b}]", np.less_equal, name="le", differentiable=False)
gt = binary(r"[{a} > {b}]", np.greater, name="gt", differentiable=False)
ge = binary(r"[{a} \ge {b}]", np.greater_equal, name="ge", differentiable=False)
logical_and = binary(r"{a} \wedge {b}", np.logical_and, name="logical_and", differentiable=False)
logical_or = binary(r"{a} \vee {b}", np.logical_or, name="logical_or", differentiable=False)
logical_xor = binary(r"{a} \oplus {b}", np.logical_xor, name="logical_xor", differentiable=False)
bitwise_and = binary(r"{a} \mathbin{\&} {b}", np.bitwise_and, name="bitwise_and", differentiable=False)
bitwise_or = binary(r"{a} \mathbin{|} {b}", np.bitwise_or, name="bitwise_or", differentiable=False)
bitwise_xor = binary(r"{a} \oplus {b}", np.bitwise_xor, name="bitwise_xor", differentiable=False)
logical_not = unary(r"\neg {x}", lambda x: np.logical_not(x) if x.dtype.kind == "b" else np.equal(x, 0), name="logical_not")
bitwise_not = unary(r"\sim {x}", np.invert, name="bitwise_not")
isnan = unary(r"[{x} \text{ is nan}]", np.isnan, name="isnan")
isinf = unary(r"[{x} = \pm\infty]", np.isinf, name="isinf")
isfinite = unary(r"[{x} \text{ finite}]", np.isfinite, name="isfinite")


def _sign(x: Any) -> Any:
    if x.dtype.kind == "b":
        return x.copy()
    if x.dtype.kind != "f":
        return np.sign(x)
    return np.subtract((x > 0).view(np.int8), (x < 0).view(np.int8)).astype(x.dtype)     # 0 of NaN


sign = unary(r"\operatorname{sign}({x})", _sign, name="sign", grad_tex="0")
floor = unary(r"\lfloor {x} \rfloor", np.floor, name="floor", grad_tex="0")
ceil = unary(r"\lceil {x} \rceil", np.ceil, name="ceil", grad_tex="0")
trunc = unary(r"\operatorname{trunc}({x})", np.trunc, name="trunc", grad_tex="0")
for _flat in (sign, floor, ceil, trunc):
    _flat.vjp(nothing)


@op(r"\operatorname{round}({x})", name="round", grad_tex="0")
def round(x: Any, decimals: Any) -> Any:
    return np.round(x, decimals)


round.vjp(nothing)

# -- exponentials, roots, trigonometry ----------------------------------------------------------------------------------------------------

exp = unary(r"\exp({x})", np.exp, name="exp", to_float=True)
expm1 = unary(r"\exp({x}) - 1", np.expm1, name="expm1", to_float=True)
exp2 = unary(r"2^{x}", np.exp2, name="exp2", to_float=True)
log = unary(r"\log({x})", np.log, name="log", to_float=True)
log1p = unary(r"\log(1 + {x})", np.log1p, name="log1p", node="Log1P", to_float=True)
log2 = unary(r"\log_2({x})", np.log2, name="log2", to_float=True)
log10 = unary(r"\log_{10}({x})", np.log10, name="log10", to_float=True)
sqrt = unary(r"\sqrt{x}", np.sqrt, name="sqrt", to_float=True)
sin = unary(r"\sin({x})", np.sin, name="sin", to_float=True)
cos = unary(r"\cos({x})", np.cos, name="cos", to_float=True)
tan = unary(r"\tan({x})", np.tan, name="tan", to_float=True)
asin = unary(r"\arcsin({x})", np.arcsin, name="asin", to_float=True)
acos = unary(r"\arccos({x})", np.arccos, name="acos", to_float=True)
atan = unary(r"\arctan({x})", np.arctan, name="atan", to_float=True)
sinh = unary(r"\sinh({x})", np.sinh, name="sinh", to_float=True)
cosh = unary(r"\cosh({x})", np.cosh, name="cosh", to_float=True)
tanh = unary(r"\tanh({x})", np.tanh, name="tanh", to_float=True)


def _rsqrt(x: Any) -> Any:
    return 1 / np.sqrt(x)


rsqrt = unary(r"\frac{1}{\sqrt{x}}", _rsqrt, name="rsqrt", to_float=True)

exp.vjp(lambda g, y: g * y)
expm1.vjp(lambda g, y: g * (y + 1))
exp2.vjp(lambda g, y: g * y * math.log(2))
log.vjp(lambda g, x: g / x)
log1p.vjp(lambda g, x: g / (x + 1))
log2.vjp(lambda g, x: g / (x * math.log(2)))
log10.vjp(lambda g, x: g / (x * math.log(10)))
sqrt.vjp(lambda g, y: g / (2 * y))
rsqrt.vjp(lambda g, y: -0.5 * g * y ** 3)
sin.vjp(lambda g, x: g * cos(x))
cos.vjp(lambda g, x: -g * sin(x))
tan.vjp(lambda g, y: g * (1 + y * y))
asin.vjp(lambda g, x: g * rsqrt(1 - x * x))
acos.vjp(lambda g, x: -g * rsqrt(1 - x * x))
atan.vjp(lambda g, x: g / (x * x + 1))
sinh.vjp(lambda g, x: g * cosh(x))
cosh.vjp(lambda g, x: g * sinh(x))
tanh.vjp(lambda g, y: g * (1 - y * y))


def _erf(x: Any) -> Any:
    module = module_of(x)
    if module is not np:
        from cupyx.scipy.special import erf as cuda_erf

        return cuda_erf(x)
    if x.dtype != np.float32:
        from .special_base import in_double
        from .special_erf import erf_kernel

        return in_double(erf_kernel, "erf")(x)
    y = np.empty_like(x, order="C")
    given, out = x.reshape(-1), y.reshape(-1)
    for i in range(0, out.size, _BLOCK):
        _erf32(given[i:i + _BLOCK], out[i:i + _BLOCK])
    return y


def _erf32(x: Any, y: Any) -> None:
    """A rational function of x within 4, where erf becomes 1 in single precision; right to a few last digits."""
    np.clip(x, _MINUS_FOUR, _FOUR, out=y)
    v = y * y
    for k, coefficients in enumerate((_ERF_OVER, _ERF_UNDER)):
        p = v * coefficients[0]
        for c in coefficients[1:-1]:
            p += c
            p *= v
        p += coefficients[-1]
        if k == 0:
            y *= p
        else:
            y /= p


_BLOCK, _FOUR, _MINUS_FOUR = 1 << 14, np.float32(4), np.float32(-4)
_ERF_OVER = tuple(np.float32(c) for c in (-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05, -7.34990630326855e-04,
                                          -2.95459980854025e-03, -1.60960333262415e-02))
_ERF_UNDER = tuple(np.float32(c) for c in (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02))
erf = unary(r"\operatorname{erf}({x})", _erf, name="erf", to_float=True)
erf.vjp(lambda g, x: g * (2 / math.sqrt(math.pi)) * exp(-(x * x)))

# -- pieces ---------------------------------------------------------------------------------------------------------------------------------

abs = unary(r"|{x}|", np.absolute, name="abs", grad_tex=r"\bar{x} = \bar{y} \odot \operatorname{sign}(x)")
abs.vjp(lambda g, x: g * sign(x))


# A Python 0 is converted at every call; a 0-d array of the right dtype is not.
_ZERO: dict[Any, Any] = {np.dtype(d): np.zeros((), d) for d in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1")}


_INFINITE = np.array(np.inf, "f4")


def _relu(x: Any) -> Any:
    if x.dtype == np.float32 and x.__class__ is np.ndarray:
        return large.clip(x, _ZERO32, _INFINITE)
    return np.maximum(x, _ZERO[x.dtype]) if x.__class__ is np.ndarray else np.maximum(x, 0)


_SINGLE, _pick = np.dtype("f4"), large.pick
_ZERO32 = _ZERO[_SINGLE]


def _relu_quick(x: Any, clip: Any = large.clip, low: Any = _ZERO32, high: Any = _INFINITE) -> Any:
    return clip(x, low, high)


def _relu_slope(g: Any, y: Any) -> Any:
    # y is never negative, so that y > 0 is y != 0, which lets a gradient through where y is NaN, as PyTorch does
    return _pick(y, g, _ZERO32) if y.__class__ is _ndarray and y.dtype is _SINGLE and y.size < 2048 else let(g, y)


relu = unary(r"\max({x}, 0)", _relu, name="relu", grad_tex=r"\bar{x} = \bar{y} \odot [y > 0]",
             quick=_relu_quick)
relu.vjp(_relu_slope)


def _sigmoid(x: Any) -> Any:
    # 1/(1+exp(-x)) overflows to inf for very negative x, whose reciprocal is the right 0
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


sigmoid = unary(r"\sigma({x})", _sigmoid, name="sigmoid", to_float=True)
sigmoid.vjp(lambda g, y: g * (y * (1 - y)))

silu = unary(r"{x}\,\sigma({x})", lambda x: x * _sigmoid(x), name="silu", grad_tex=r"\bar{x} = \bar{y} \odot \sigma(x)\left(1 + x\,(1 - \sigma(x))\right)")


def _silu_grad(g: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


silu.vjp(_silu_grad)
logsigmoid = unary(r"\log \sigma({x})", lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), name="logsigmoid", node="LogSigmoid",
                   grad_tex=r"\bar{x} = \bar{y} \odot \sigma(-x)")
logsigmoid.vjp(lambda g, x: g * sigmoid(-x))

@op(r"\operatorname{leaky\_relu}({x})", name="leaky_relu", grad_tex=r"\bar{x} = \bar{y} \odot \left([x > 0] + s\,[x \le 0]\right)")
def leaky_relu(x: Any, negative_slope: float) -> Any:
    if 0 < negative_slope <= 1:
        return np.maximum(x, x * x.dtype.type(negative_slope))
    return large.choose(x > 0, x, x * x.dtype.type(negative_slope))


leaky_relu.vjp(lambda g, x, negative_slope: where(x > 0, g, g * negative_slope))


@op(r"\operatorname{elu}({x})", name="elu", grad_tex=r"\bar{x} = \bar{y} \odot \begin{cases} 1 & x > 0 \\ \alpha e^{x} & x \le 0 \end{cases}")
def elu(x: Any, alpha: float) -> Any:
    y = np.expm1(large.below(x))
    y *= x.dtype.type(alpha)
    y += large.above(x)
    return y


def _elu_grad(g: Any, x: Any, alpha: float) -> Any:
    return where(x > 0, g, g * alpha * exp(clamp(x, None, 0)))


elu.vjp(_elu_grad)


@op(r"\tfrac{1}{\beta} \log(1 + e^{\beta {x}})", name="softplus", grad_tex=r"\bar{x} = \bar{y} \odot \sigma(\beta x)")
def softplus(x: Any, beta: float, threshold: float) -> Any:
    z = x * beta
    return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta).astype(x.dtype, copy=False)


softplus.vjp(lambda g, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)))


@op(r"\operatorname{clamp}({x}, {low}, {high})", name="clamp", grad_tex=r"\bar{x} = \bar{y} \odot [\text{low} \le x \le \text{high}]")
def clamp(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, low, high)


def _clamp_grad(g: Any, x: Any, low: Any, high: Any) -> Any:
    inside = x <= high if low is None else x >= low
    if low is not None and high is not None:
        inside = inside & (x <= high)
    return masked_fill(g, inside == 0, 0)                   # not a product: NaN outside is nothing to the operand


clamp.vjp(_clamp_grad)
clamp.op.node_name = "ClampBackward1"


@op(r"\operatorname{hardtanh}({x})", name="hardtanh", grad_tex=r"\bar{x} = \bar{y} \odot [\text{low} < x < \text{high}]")
def hardtanh(x: Any, low: float, high: float) -> Any:
    return np.clip(x, low, high)


hardtanh.vjp(lambda g, x, low, high: let(g, (x > low) & (x < high)))


@op(r"\operatorname{where}(c, {a}, {b})", operands=3, name="where", grad_tex=r"\bar{a} = \bar{y} \odot c \\ \bar{b} = \bar{y} \odot (1 - c)")
def _where(condition: Any, a: Any, b: Any) -> Any:
    from ..core.pointwise import common

    a, b = common(a, b)
    return large.choose(condition, a, b)


where = _where


@op(r"{x} \text{ filled with } {value}", operands=1, name="masked_fill", grad_tex=r"\bar{x} = \bar{y} \odot (1 - m)")
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    m = mask._array if hasattr(mask, "_array") else mask
    return large.choose(m, np.asarray(value).astype(x.dtype), x) if isinstance(x, np.ndarray) else np.where(m, x.dtype.type(value), x)


masked_fill.vjp(lambda g, mask: masked_fill(g, mask, 0))
# what was not chosen gets 0, even of a NaN
where.vjp(None, lambda g, condition: masked_fill(g, condition == 0, 0), lambda g, condition: masked_fill(g, condition != 0, 0))


@op(r"{x}", name="clone")
def clone(x: Any) -> Any:
    return x.copy(order="C") if not x.flags.c_contiguous or x.flags.owndata else x.copy()


clone.vjp(lambda g: g)


@op(r"\operatorname{cast}({x})", name="to_copy", node="ToCopy", grad_tex=r"\bar{x} = \operatorname{cast}(\bar{y})")
def to_copy(x: Any, dtype: Any, own: Any) -> Any:
    if x.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        x = x.real
    return x.astype(dtype)


to_copy.vjp(lambda g, dtype, own: to_copy(g, own, dtype))
