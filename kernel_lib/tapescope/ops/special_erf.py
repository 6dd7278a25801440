"""The error function and its family: complement, scaled complement, inverse, and the normal distribution function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.arrays import as_array
from ..core.op import op
from ..core.pointwise import unary
from .numbers import mul_number
from .pointwise import cos, exp, given, log, log1p, masked_fill, sin, where
from .special_base import choose, in_double, special, special2, table, where_true

_TWO_OVER_ROOT_PI, _HALF_ROOT_PI = 2 / math.sqrt(math.pi), math.sqrt(math.pi) / 2
_ROOT_HALF = math.sqrt(0.5)


# -- on flat doubles ---------------------------------------------------------------------------------------------------------------------


def bell(x: Any) -> Any:
    """exp(-x²), right to the last digits where x² is large: the square of a rounded x is exact."""
    x = np.clip(x, -40, 40)
    near = x.astype(np.float32).astype(np.float64)
    return np.exp(-near * near) * np.exp((near - x) * (near + x))


def erfcx_up(x: Any) -> Any:
    """exp(x²) erfc(x) for x >= 0."""
    y = table("erfcx", np.minimum((x - 4) / np.minimum(x + 4, 1e300), 1))
    y /= 1 + 2 * x
    return where_true(x > 1e9, y, lambda far: _TWO_OVER_ROOT_PI / 2 / far, x)


def erf_kernel(x: Any) -> Any:
    y = choose(np.abs(x), (1.0, 6.0), lambda v: v * table("erf", v * v), lambda v: 1 - bell(v) * erfcx_up(v), lambda v: np.where(np.isnan(v), v, 1.0))
    return np.copysign(y, x)


def erfc_kernel(x: Any) -> Any:
    return choose(x, (-1.0, 1.0, 28.0), lambda v: 2 - bell(v) * erfcx_up(-v), lambda v: 1 - v * table("erf", v * v), lambda v: bell(v) * erfcx_up(v),
                  lambda v: np.where(np.isnan(v), v, 0.0))


def erfcx_kernel(x: Any) -> Any:
    return choose(x, (0.0,), lambda v: 2 * np.exp(v * v) - erfcx_up(-v), erfcx_up)


def _erfinv_over_y(w: Any) -> Any:
    """erfinv(y) / y by w = -log(1 - y²)."""
    return choose(w, (6.25,), lambda v: table("erfinv", v), lambda v: table("erfinv_far", np.sqrt(v)))


def erfinv_kernel(y: Any) -> Any:
    x = y * _erfinv_over_y(np.where(np.abs(y) < 0.5, -np.log1p(-y * y), -np.log((1 - y) * (1 + y))))
    at = np.abs(y) == 1
    x[at] = np.copysign(np.inf, y[at])
    x[np.abs(y) > 1] = np.nan
    return x


def ndtri_kernel(p: Any) -> Any:
    """sqrt(2) erfinv(2p - 1), from whichever end is nearer."""
    q = np.minimum(p, 1 - p)
    x = np.sqrt(2) * (1 - 2 * q) * _erfinv_over_y(-np.log(4 * q) - np.log1p(-q))
    x = np.where(p < 0.5, -x, x)
    where_true(np.abs(p - 0.5) < 0.1, x, lambda v: np.sqrt(2) * erfinv_kernel(2 * v - 1), p)
    x[p == 0], x[p == 1] = -np.inf, np.inf
    x[(p < 0) | (p > 1)] = np.nan
    return x


def log_ndtr_kernel(x: Any) -> Any:
    return choose(x, (-1.0,), lambda v: np.log(erfcx_up(-v * _ROOT_HALF) / 2) - v * v / 2, lambda v: np.log1p(-erfc_kernel(v * _ROOT_HALF) / 2))


# -- as ops --------------------------------------------------------------------------------------------------------------------------------

erfc = special(r"\operatorname{erfc}({x})", erfc_kernel, name="erfc")
erfcx = special(r"e^{{x}^2} \operatorname{erfc}({x})", erfcx_kernel, name="special_erfcx")
erfinv = special(r"\operatorname{erf}^{-1}({x})", erfinv_kernel, name="erfinv")
ndtri = special(r"\Phi^{-1}({x})", ndtri_kernel, name="special_ndtri")
log_ndtr = special(r"\log \Phi({x})", log_ndtr_kernel, name="special_log_ndtr")

erfc.vjp(lambda g, x: -g * _TWO_OVER_ROOT_PI * exp(-(x * x)))
erfcx.vjp(lambda g, x, y: g * (x * y * 2 - _TWO_OVER_ROOT_PI))
erfinv.vjp(lambda g, y: g * _HALF_ROOT_PI * exp(y * y))
ndtri.vjp(lambda g, y: g * math.sqrt(2 * math.pi) * exp(y * y * 0.5))
log_ndtr.vjp(lambda g, x: g * math.sqrt(2 / math.pi) / erfcx(x * -_ROOT_HALF))


def _entr(x: Any) -> Any:
    y = -x * np.log(x)
    y[x == 0], y[x < 0] = 0, -np.inf
    return y


entr = special(r"-{x} \log {x}", _entr, name="special_entr")
entr.vjp(lambda g, x: g * (-log(x) - 1))


def _xlogy(a: Any, b: Any) -> Any:
    return np.where((a == 0) & ~np.isnan(b), 0, a * np.log(b))


def _xlog1py(a: Any, b: Any) -> Any:
    return np.where((a == 0) & ~np.isnan(b), 0, a * np.log1p(b))


xlogy = special2(r"{a} \log {b}", _xlogy, name="xlogy", grad_tex=r"\bar{a} = \bar{y} \log b \\ \bar{b} = \bar{y}\,\frac{a}{b}")
xlogy.vjp(lambda g, a, b: g * where((a == 0) & (b <= 0), a * 0, log(b)), lambda g, a, b: g * a / b)
xlog1py = special2(r"{a} \log(1 + {b})", _xlog1py, name="special_xlog1py", node="SpecialXlog1Py",
                   grad_tex=r"\bar{a} = \bar{y} \log(1 + b) \\ \bar{b} = \bar{y}\,\frac{a}{1 + b}")
xlog1py.vjp(lambda g, a, b: g * where((a == 0) & (b <= -1), a * 0, log1p(b)), lambda g, a, b: g * a / (b + 1))


def _sinc(x: Any) -> Any:
    z = x * math.pi
    return np.where(x == 0, 1, np.sin(z) / np.where(x == 0, 1, z))


def _sinc_any(x: Any) -> Any:
    if x.dtype.kind == "c":
        with np.errstate(all="ignore"):
            return np.asarray(_sinc(x)).astype(x.dtype)
    return _sinc_real(x)


def _sinc_grad(g: Any, x: Any) -> Any:
    zero = x == 0
    z = where(zero, x * 0 + 1, x) * math.pi
    return where(zero, g * 0, g * (z * cos(z) - sin(z)) / (z * z) * math.pi)


_sinc_real = in_double(_sinc, "sinc")
sinc = unary(r"\operatorname{sinc}({x})", _sinc_any, name="sinc", to_float=True,
             grad_tex=r"\bar{x} = \bar{y}\,\frac{\pi x \cos(\pi x) - \sin(\pi x)}{\pi x^2}")
sinc.vjp(_sinc_grad)


@op(r"\log \frac{x}{1 - {x}}", name="logit", grad_tex=r"\bar{x} = \frac{\bar{y}}{x\,(1 - x)}")
def logit_op(x: Any, eps: float | None) -> Any:
    if x.dtype.kind in "biu":
        x = x.astype(dt.get_default_dtype().dtype)
    if eps is not None:
        x = np.clip(x, eps, 1 - eps)
    with np.errstate(all="ignore"):
        return as_array(np.log(x / (1 - x)))


def _logit_grad(g: Any, x: Any, eps: float | None) -> Any:
    if eps is None:
        return masked_fill(g / (x * (1 - x)), (x < 0) | (x > 1), math.nan)
    return where((x >= eps) & (x <= 1 - eps), g / (x * (1 - x)), g * 0)


logit_op.vjp(_logit_grad)


# -- as PyTorch calls them -----------------------------------------------------------------------------------------------------------------


def logit(input: Any, eps: float | None = None, *, out: Any = None) -> Any:
    """log(x / (1 - x)); with `eps`, of x limited to [eps, 1 - eps]."""
    return given(logit_op(input, eps), out)


def ndtr(input: Any, *, out: Any = None) -> Any:
    """The share of a standard normal distribution below the input."""
    return given(mul_number(erfc(input * -_ROOT_HALF), 0.5), out)
