"""Bessel functions of order 0 and 1, and Airy's: polynomials near zero, amplitude and phase far from it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .pointwise import cos, sign, where
from .special_base import choose, missing, special, table

_TWO_OVER_PI = 2 / math.pi


# -- on flat doubles ---------------------------------------------------------------------------------------------------------------------


def i0e_kernel(x: Any) -> Any:
    return choose(np.abs(x), (8.0,), lambda v: table("i0e", v), lambda v: table("i0e_far", 8 / v) / np.sqrt(v))


def i1e_kernel(x: Any) -> Any:
    y = choose(np.abs(x), (8.0,), lambda v: v * table("i1e", v), lambda v: table("i1e_far", 8 / v) / np.sqrt(v))
    return np.copysign(y, x)


def _grown(scaled: Any) -> Any:
    def kernel(x: Any) -> Any:
        half = np.exp(np.abs(x) / 2)                        # e^x itself would overflow too soon
        return scaled(x) * half * half
    return kernel


i0_kernel, i1_kernel = _grown(i0e_kernel), _grown(i1e_kernel)


def _k(order: int, scaled: bool) -> Any:
    def near(x: Any) -> Any:
        v = x * x
        if order == 0:
            y = table("k0", v) - np.log(x / 2) * i0_kernel(x)
        else:
            y = x * table("k1", v) + np.log(x / 2) * i1_kernel(x) + 1 / x
        return y * np.exp(x) if scaled else y

    def far(x: Any) -> Any:
        y = table(f"k{order}e", 8 / x) / np.sqrt(x)
        return y if scaled else y * np.exp(-x)

    def kernel(x: Any) -> Any:
        y = choose(x, (2.0,), near, far)
        y[x < 0], y[x == 0] = np.nan, np.inf
        return y
    return kernel


def _waves(x: Any, order: int) -> tuple[Any, Any]:
    """J and Y for x >= 8 by amplitude and phase."""
    u = 8 / x
    phase = x - (2 * order + 1) * math.pi / 4
    p, q, size = table(f"p{order}", u * u), u * table(f"q{order}", u * u), np.sqrt(_TWO_OVER_PI / x)
    c, s = np.cos(phase), np.sin(phase)
    return size * (p * c - q * s), size * (p * s + q * c)


def _calm(y: Any, x: Any) -> Any:
    return np.where(np.isinf(x), 0, y)


def j0_kernel(x: Any) -> Any:
    return choose(np.abs(x), (8.0,), lambda v: table("j0", v), lambda v: _calm(_waves(v, 0)[0], v))


def j1_kernel(x: Any) -> Any:
    y = choose(np.abs(x), (8.0,), lambda v: v * table("j1", v), lambda v: _calm(_waves(v, 1)[0], v))
    return np.where(np.signbit(x), -y, y)


def _y(order: int) -> Any:
    def near(x: Any) -> Any:
        if order == 0:
            return table("y0", x) + _TWO_OVER_PI * np.log(x) * table("j0", x)
        return x * table("y1", x) + _TWO_OVER_PI * (np.log(x) * x * table("j1", x) - 1 / x)

    def kernel(x: Any) -> Any:
        y = choose(x, (8.0,), near, lambda v: _calm(_waves(v, order)[1], v))
        y[x < 0], y[x == 0] = np.nan, -np.inf
        return y
    return kernel


def airy_kernel(x: Any) -> Any:
    def far_left(v: Any) -> Any:
        z = -v
        zeta = z * np.sqrt(z) * 2 / 3
        u, phase = 1 / (zeta * zeta), zeta + math.pi / 4
        return (np.sin(phase) * table("airy_p", u) - np.cos(phase) * table("airy_q", u) / zeta) / (math.sqrt(math.pi) * np.sqrt(np.sqrt(z)))

    def far_right(v: Any) -> Any:
        zeta = v * np.sqrt(v) * 2 / 3
        return np.exp(-zeta) * table("airy_far", 1 / zeta) / (2 * math.sqrt(math.pi) * np.sqrt(np.sqrt(v)))

    y = choose(x, (-8.0, 2.0), far_left, lambda v: table("airy", v), far_right)
    y[np.isinf(x)] = 0
    return y


def _spherical_j0(x: Any) -> Any:
    return np.where(np.isinf(x), 0, np.where(np.abs(x) < 0.5, np.sinc(x / np.pi), np.sin(x) / np.where(x == 0, 1, x)))


# -- as ops --------------------------------------------------------------------------------------------------------------------------------

i0 = special(r"I_0({x})", i0_kernel, name="i0", node="I0")
i0e = special(r"e^{-|{x}|} I_0({x})", i0e_kernel, name="special_i0e", node="SpecialI0E")
i1 = special(r"I_1({x})", i1_kernel, name="special_i1", node="SpecialI1", grad_tex=r"\bar{x} = \bar{y} \left(I_0(x) - \frac{y}{x}\right)")
i1e = special(r"e^{-|{x}|} I_1({x})", i1e_kernel, name="special_i1e", node="SpecialI1E",
              grad_tex=r"\bar{x} = \bar{y} \left(e^{-|x|} I_0(x) - y \left(\operatorname{sign} x + \frac{1}{x}\right)\right)")
modified_bessel_i0 = special(r"I_0({x})", i0_kernel, name="special_modified_bessel_i0", cuda="i0")
modified_bessel_i1 = special(r"I_1({x})", i1_kernel, name="special_modified_bessel_i1", cuda="i1")
modified_bessel_k0 = special(r"K_0({x})", _k(0, False), name="special_modified_bessel_k0", cuda="k0")
modified_bessel_k1 = special(r"K_1({x})", _k(1, False), name="special_modified_bessel_k1", cuda="k1")
scaled_modified_bessel_k0 = special(r"e^{x} K_0({x})", _k(0, True), name="special_scaled_modified_bessel_k0", cuda="k0e")
scaled_modified_bessel_k1 = special(r"e^{x} K_1({x})", _k(1, True), name="special_scaled_modified_bessel_k1", cuda="k1e")
bessel_j0 = special(r"J_0({x})", j0_kernel, name="special_bessel_j0", cuda="j0")
bessel_j1 = special(r"J_1({x})", j1_kernel, name="special_bessel_j1", cuda="j1")
bessel_y0 = special(r"Y_0({x})", _y(0), name="special_bessel_y0", cuda="y0")
bessel_y1 = special(r"Y_1({x})", _y(1), name="special_bessel_y1", cuda="y1")
airy_ai = special(r"\operatorname{Ai}({x})", airy_kernel, name="special_airy_ai", cuda="airy", grad_tex=r"\text{not known}")
spherical_bessel_j0 = special(r"j_0({x})", _spherical_j0, name="special_spherical_bessel_j0", cuda="spherical_bessel_j0",
                              grad_tex=r"\bar{x} = \bar{y}\,\frac{\cos x - y}{x}")


def _less_y_over_x(x: Any, y: Any, half: float) -> Any:
    """y / x, and its limit at zero."""
    zero = x == 0
    return where(zero, x * 0 + half, y / where(zero, x * 0 + 1, x))


i0.vjp(lambda g, x: g * i1(x))
i0e.vjp(lambda g, x, y: g * (i1e(x) - sign(x) * y))
i1.vjp(lambda g, x, y: g * (i0(x) - _less_y_over_x(x, y, 0.5)))
i1e.vjp(lambda g, x, y: g * (i0e(x) - y * sign(x) - _less_y_over_x(x, y, 0.5)))
# PyTorch has no derivatives of these; mathematics has
modified_bessel_i0.vjp(lambda g, x: g * modified_bessel_i1(x))
modified_bessel_k0.vjp(lambda g, x: -g * modified_bessel_k1(x))
modified_bessel_i1.vjp(lambda g, x, y: g * (modified_bessel_i0(x) - y / x))
modified_bessel_k1.vjp(lambda g, x, y: -g * (modified_bessel_k0(x) + y / x))
scaled_modified_bessel_k0.vjp(lambda g, x, y: g * (y - scaled_modified_bessel_k1(x)))
scaled_modified_bessel_k1.vjp(lambda g, x, y: g * (y - scaled_modified_bessel_k0(x) - y / x))
bessel_j0.vjp(lambda g, x: -g * bessel_j1(x))
bessel_y0.vjp(lambda g, x: -g * bessel_y1(x))
bessel_j1.vjp(lambda g, x, y: g * (bessel_j0(x) - y / x))
bessel_y1.vjp(lambda g, x, y: g * (bessel_y0(x) - y / x))
spherical_bessel_j0.vjp(lambda g, x, y: g * where(x == 0, x * 0, (cos(x) - y) / where(x == 0, x * 0 + 1, x)))
airy_ai.vjp(missing("special_airy_ai"))
