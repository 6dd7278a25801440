"""The gamma function's family: its logarithm, the logarithm's derivatives, the Hurwitz zeta function, the incomplete gamma functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import dtype as dt
from ..core.device import module_of
from ..core.op import op
from ..core.tensor import Tensor
from .pointwise import exp, given, log
from .special_base import choose, in_double, missing, special, special2, table, where_true

_HALF_LOG = 0.5 * math.log(2 * math.pi)
# the positive root of digamma in two parts, so that the distance to it is exact
_ROOT, _ROOT_LOW = 1.4616321449683622, 9.549995429965697e-17


def _pi_angle(x: Any) -> Any:
    """pi times the distance of x to the nearest whole number: of it, sin and tan of pi x are exact also for large x."""
    return np.pi * (x - np.round(x))


# -- log |Γ(x)| ----------------------------------------------------------------------------------------------------------------------------


def _lgamma_far(x: Any) -> Any:
    return np.where(np.isposinf(x), np.inf, (x - 0.5) * np.log(x) - x + _HALF_LOG + table("stirling", 1 / (x * x)) / x)


def _lgamma_up(x: Any) -> Any:
    """For x >= 0, by way of Γ(x + 1) = x Γ(x) towards 2, where the logarithm vanishes."""
    return choose(x, (0.5, 1.5, 2.5, 9.0),
                  lambda v: v * table("lgamma_2", v) - np.log(v) - np.log1p(v), lambda v: (v - 1) * table("lgamma_2", v - 1) - np.log1p(v - 1),
                  lambda v: (v - 2) * table("lgamma_2", v - 2), lambda v: table("lgamma", v), _lgamma_far)


def lgamma_kernel(x: Any) -> Any:
    def below(v: Any) -> Any:
        y = np.log(np.pi / np.abs(np.sin(_pi_angle(v)))) - _lgamma_up(1 - v)
        return np.where((v == np.floor(v)), np.inf, y)

    return choose(x, (0.0,), below, _lgamma_up)


# -- its derivatives -----------------------------------------------------------------------------------------------------------------------


def _digamma_up(x: Any) -> Any:
    def first(v: Any) -> Any:
        return ((v - _ROOT) - _ROOT_LOW) * table("digamma_1", v)

    def far(v: Any) -> Any:
        r = 1 / v
        return np.log(v) - 0.5 * r - table("digamma_far", r * r) * r * r

    return choose(x, (1.0, 2.0, 10.0), lambda v: first(v + 1) - 1 / v, first, lambda v: table("digamma", v), far)


def digamma_kernel(x: Any) -> Any:
    def below(v: Any) -> Any:
        y = _digamma_up(1 - v) - np.pi / np.tan(_pi_angle(v))
        return np.where(v == 0, np.copysign(np.inf, -v), np.where(v == np.floor(v), np.nan, y))

    y = choose(x, (0.0,), below, _digamma_up)
    return where_true(x == 0, y, lambda v: np.copysign(np.inf, -v), x)


# B_2j / (2j)!, of the Euler-Maclaurin sum
_BERNOULLI = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600, -3617 / 10670622842880000,
              43867 / 5109094217170944000, -174611 / 802857662698291200000)


def zeta_kernel(s: Any, q: Any) -> Any:
    """The sum over k >= 0 of (k + q)^-s: ten terms and more one by one, the rest by Euler and Maclaurin."""
    y = np.zeros_like(s)
    a = q.copy()
    left = np.where(np.isfinite(q), np.maximum(10, np.ceil(10 - q)), 0)
    for i in range(int(left.max(initial=0))):
        going = i < left
        y += np.where(going, a ** -s, 0)
        a = np.where(going, a + 1, a)
        if i > 100_000:
            break
    power = a ** -s
    y += a * power / (s - 1) + 0.5 * power
    factor, power = s, power / a
    for j, b in enumerate(_BERNOULLI):
        y += b * factor * power
        factor = factor * (s + 2 * j + 1) * (s + 2 * j + 2)
        power = power / (a * a)
    y = np.where(s == 1, np.inf, np.where(s < 1, np.nan, y))
    pole = (q <= 0) & (q == np.floor(q))
    return np.where((s > 1) & pole, np.inf, np.where((q < 0) & (s != np.floor(s)), np.nan, np.where((s > 1) & np.isposinf(q), 0.0, y)))


def _trigamma(x: Any) -> Any:
    two = np.full_like(x, 2.0)
    return choose(x, (0.5,), lambda v: (np.pi / np.sin(_pi_angle(v))) ** 2 - zeta_kernel(two[:v.size], 1 - v), lambda v: zeta_kernel(two[:v.size], v))


def polygamma_kernel(x: Any, n: int) -> Any:
    if n == 0:
        return digamma_kernel(x)
    if n == 1:
        return _trigamma(x)
    return (-1) ** (n + 1) * math.factorial(n) * zeta_kernel(np.full_like(x, n + 1.0), x)


# -- incomplete gamma functions ----------------------------------------------------------------------------------------------------------


def _prefix(a: Any, x: Any) -> Any:
    """x^a e^-x / Γ(a + 1), without cancelling large numbers."""
    far = a > 9
    m = np.where(far, (x - a) / np.where(far, a, 1), 0)
    safe = np.where(far, a, 10.0)
    large = np.exp(safe * (np.log1p(m) - m) - table("stirling", 1 / (safe * safe)) / safe) / np.sqrt(2 * np.pi * safe)
    small = np.exp(a * np.log(x) - x - lgamma_kernel(a + 1))
    return np.where(far, large, small)


def _lower_series(a: Any, x: Any) -> Any:
    term, total, k = np.ones_like(x), np.ones_like(x), a.copy()
    for _ in range(5000):
        k += 1
        term *= x / k
        total += term
        if not (term > total * 1e-17).any():
            break
    return _prefix(a, x) * total


def _upper_fraction(a: Any, x: Any) -> Any:
    """Lentz's evaluation of the continued fraction of Γ(a, x)."""
    b = x + 1 - a
    c, d = np.full_like(x, 1e300), 1 / b
    h, going = d.copy(), np.ones(x.shape, bool)
    for i in range(1, 5000):
        an = -i * (i - a)
        b += 2
        d = an * d + b
        d = 1 / np.where(np.abs(d) < 1e-300, 1e-300, d)
        c = b + an / c
        c = np.where(np.abs(c) < 1e-300, 1e-300, c)
        step = d * c
        going &= np.abs(step - 1) > 3e-16
        if not going.any():
            break
        h = np.where(going, h * step, h)
    return _prefix(a, x) * a * h


def _incomplete(upper: bool) -> Any:
    def kernel(a: Any, x: Any) -> Any:
        y = np.full_like(x, np.nan)
        inside = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
        low = inside & (x < a + 1)
        where_true(low, y, lambda a, x: 1 - _lower_series(a, x) if upper else _lower_series(a, x), a, x)
        where_true(inside & ~low, y, lambda a, x: _upper_fraction(a, x) if upper else 1 - _upper_fraction(a, x), a, x)
        none, all_ = (1.0, 0.0) if upper else (0.0, 1.0)
        y[(a > 0) & (x == 0)] = none
        y[(a >= 0) & np.isposinf(x) & np.isfinite(a)] = all_
        y[(a == 0) & (x > 0)] = all_
        y[np.isposinf(a) & (x >= 0) & np.isfinite(x)] = none
        return y
    return kernel


# -- as ops --------------------------------------------------------------------------------------------------------------------------------

lgamma = special(r"\log |\Gamma({x})|", lgamma_kernel, name="lgamma", cuda="gammaln")
digamma = special(r"\psi({x})", digamma_kernel, name="digamma")
zeta_op = special2(r"\zeta({a}, {b})", zeta_kernel, name="special_zeta", grad_tex=r"\bar{b} = -\bar{y}\,a\,\zeta(a + 1, b)")
igamma_op = special2(r"P({a}, {b})", _incomplete(False), name="igamma", cuda="gammainc", grad_tex=r"\bar{b} = \bar{y}\,\frac{b^{a - 1} e^{-b}}{\Gamma(a)}")
igammac_op = special2(r"Q({a}, {b})", _incomplete(True), name="igammac", cuda="gammaincc", grad_tex=r"\bar{b} = -\bar{y}\,\frac{b^{a - 1} e^{-b}}{\Gamma(a)}")


def _on_raw(kernel: Any, cuda: str, x: Any, n: int) -> Any:
    return in_double(lambda v: kernel(v, n), cuda)(x)


@op(r"\psi^{({n})}({x})", name="polygamma", grad_tex=r"\bar{x} = \bar{y}\,\psi^{(n + 1)}(x)")
def polygamma_op(x: Any, n: int) -> Any:
    if module_of(x) is not np:
        from cupyx.scipy.special import polygamma as device

        return device(n, x)
    return _on_raw(polygamma_kernel, "polygamma", x, n)


@op(r"\log \Gamma_{{p}}({x})", name="mvlgamma", grad_tex=r"\bar{x} = \bar{y} \textstyle\sum_{i < p} \psi\!\left(x - \tfrac{i}{2}\right)")
def mvlgamma_op(x: Any, p: int) -> Any:
    if x.dtype.kind in "iu":
        x = x.astype(dt.get_default_dtype().dtype)
    y = lgamma(x)
    for i in range(1, p):
        y = y + lgamma(x - i / 2)
    return y + p * (p - 1) / 4 * math.log(math.pi)


def _mvlgamma_grad(g: Any, x: Any, p: int) -> Any:
    total = digamma(x)
    for i in range(1, p):
        total = total + digamma(x - i / 2)
    return g * total


lgamma.vjp(lambda g, x: g * digamma(x))
digamma.vjp(lambda g, x: g * polygamma_op(x, 1))
polygamma_op.vjp(lambda g, x, n: g * polygamma_op(x, n + 1))
mvlgamma_op.vjp(_mvlgamma_grad)
zeta_op.vjp(missing("special_zeta"), lambda g, a, b: g * -a * zeta_op(a + 1, b))
igamma_op.vjp(missing("igamma: self"), lambda g, a, b: g * exp((a - 1) * log(b) - b - lgamma(a)))
igammac_op.vjp(missing("igammac: self"), lambda g, a, b: -g * exp((a - 1) * log(b) - b - lgamma(a)))


# -- as PyTorch calls them -----------------------------------------------------------------------------------------------------------------


def polygamma(n: int, input: Tensor, *, out: Any = None) -> Tensor:
    """The n-th derivative of digamma."""
    if isinstance(n, Tensor):                              # the method: x.polygamma(n)
        n, input = input, n  # type: ignore[assignment]
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n. (n is {n})")
    y = digamma(input) if n == 0 else polygamma_op(input, n)
    return given(y, out)


def mvlgamma(input: Tensor, p: int, *, out: Any = None) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p; needs input > (p - 1) / 2."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if input._array.dtype.kind == "b":
        raise RuntimeError('mvlgamma: "mvlgamma_cpu" not implemented for \'Bool\'')
    return given(mvlgamma_op(input, p), out)


multigammaln = mvlgamma


def zeta(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """The Hurwitz zeta function of exponent `input` and offset `other`."""
    return zeta_op(input, other, out=out)


def _two(f: Any, name: str, doc: str) -> Any:
    def call(input: Tensor, other: Tensor, *, out: Any = None) -> Tensor:
        for k, (which, t) in enumerate((("input", input), ("other", other)), 1):
            if not isinstance(t, Tensor):
                raise TypeError(f"{name}(): argument '{which}' (position {k}) must be Tensor, not {type(t).__name__}")
        return f(input, other, out=out)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return call


igamma = _two(igamma_op, "igamma", "The lower incomplete gamma function of `input` at `other`, as a share of the whole.")
igammac = _two(igammac_op, "igammac", "The upper incomplete gamma function of `input` at `other`, as a share of the whole.")
