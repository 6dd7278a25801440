"""GELU. Its slope is computed when it is asked for: kept beside the value it would be a third array as large as the input, in every block of a transformer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.op import op
from .pointwise import erf, exp, tanh

_SQRT_HALF, _PDF = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)
_TANH = math.sqrt(2 / math.pi)
_BLOCK = 1 << 14                       # floats: five such buffers stay in a second-level cache

# Abramowitz & Stegun 7.1.26 halved, |error| <= 7.5e-8: 1 - Phi(a) = exp(-a²/2) * t * (p0 + t * (p1 + ...)), t = 1 / (1 + p * a)
_P = np.float32(0.3275911 * _SQRT_HALF)
_COEFFICIENTS = tuple(np.float32(0.5 * c) for c in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592))
_ONE, _HALF, _MINUS_HALF, _ZERO, _FAR, _PDF32 = (np.float32(v) for v in (1, 0.5, -0.5, 0, 1e4, _PDF))


@op(r"{x}\,\Phi({x})", name="gelu", grad_tex=r"\bar{x} = \bar{y} \odot \left(\Phi(x) + x\,\varphi(x)\right)")
def gelu(x: Any, approximate: str) -> Any:
    if approximate == "none" and isinstance(x, np.ndarray) and x.dtype == np.float32 and x.flags.c_contiguous:
        return _blocks(x, None)
    return x * _cdf(x, approximate)


def _blocks(x: Any, g: Any) -> Any:
    """The value, or of a gradient its product with the slope, in pieces that stay in the cache, without temporaries."""
    y = np.empty_like(x)
    flat, ys, gs = x.reshape(-1), y.reshape(-1), None if g is None else g.reshape(-1)
    size = min(flat.size, _BLOCK) or 1
    buffers = np.empty((4, size), np.float32)
    first, *rest = _COEFFICIENTS
    for i in range(0, flat.size, size):
        v, out = flat[i:i + size], ys[i:i + size]
        a, t, p, e = buffers[:, :v.size]
        np.absolute(v, a)
        np.minimum(a, _FAR, out=a)                         # inf times 0 would not be 0
        np.multiply(a, _P, t)
        t += _ONE
        np.reciprocal(t, t)
        np.multiply(t, first, p)
        for c in rest:
            p += c
            p *= t
        np.multiply(a, a, e)
        e *= _MINUS_HALF
        np.exp(e, e)
        p *= e                                             # 1 - Phi(|x|)
        if gs is None:
            a *= p
            np.maximum(v, _ZERO, out=out)
            out -= a                                       # x Phi(x) = max(x, 0) - |x| (1 - Phi(|x|))
            continue
        e *= v
        e *= _PDF32
        np.subtract(_HALF, p, p)
        np.copysign(p, v, out)
        out += _HALF                                       # Phi(x)
        out += e
        out *= gs[i:i + size]
    return y


def _cdf(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * (1 + tanh(_TANH * (x + 0.044715 * (x * x * x))))
    return 0.5 * (1 + erf(x * _SQRT_HALF))


def _slope(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        t = tanh(_TANH * (x + 0.044715 * (x * x * x)))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_TANH * (1 + 3 * 0.044715 * (x * x)))
    return _cdf(x, approximate) + x * (exp(x * x * -0.5) * _PDF)


def _gelu_grad(g: Any, x: Any, approximate: str) -> Any:
    plain = isinstance(x, np.ndarray) and isinstance(g, np.ndarray)
    if plain and approximate == "none" and x.dtype == g.dtype == np.float32 and x.flags.c_contiguous and g.flags.c_contiguous and x.shape == g.shape:
        return _blocks(x, g)
    return g * _slope(x, approximate)


gelu.vjp(_gelu_grad)
