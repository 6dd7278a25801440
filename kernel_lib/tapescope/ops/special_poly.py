"""Orthogonal polynomials by their recurrences; the degree is an operand, and is cut to a whole number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .special_base import special2


def _recurrence(x: Any, n: Any, first: Any, step: Callable[[Any, Any, Any, int], Any]) -> Any:
    """p_0 = 1, p_1 = first, p_{k+1} = step(x, p_k, p_{k-1}, k), each element up to its own degree; 0 below degree 0."""
    n = np.trunc(n)
    y = np.where(n < 0, 0.0, np.ones_like(x))
    before, now = np.ones_like(x), first
    y = np.where(n == 1, now, y)
    top = int(np.max(n, initial=0, where=np.isfinite(n)))
    for k in range(1, min(top, 100_000)):
        before, now = now, step(x, now, before, k)
        y = np.where(n == k + 1, now, y)
    return np.where(np.isnan(x), x, y)


def _chebyshev(slope: float, shift: float) -> Callable[[Any, Any], Any]:
    """All four kinds share 2x p_k - p_{k-1} and begin differently."""
    def kernel(x: Any, n: Any) -> Any:
        return _recurrence(x, n, slope * x + shift, lambda x, p, q, k: 2 * x * p - q)
    return kernel


def _shifted(kernel: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, n: kernel(2 * x - 1, n)


def _declare(name: str, tex: str, kernel: Callable[[Any, Any], Any]) -> Any:
    return special2(tex, kernel, name="special_" + name, differentiable=False)


_KINDS = {"t": _chebyshev(1, 0), "u": _chebyshev(2, 0), "v": _chebyshev(2, -1), "w": _chebyshev(2, 1)}
chebyshev_polynomial_t, chebyshev_polynomial_u, chebyshev_polynomial_v, chebyshev_polynomial_w = (
    _declare(f"chebyshev_polynomial_{k}", rf"{k.upper()}_{{{{b}}}}({{a}})", f) for k, f in _KINDS.items())
shifted_chebyshev_polynomial_t, shifted_chebyshev_polynomial_u, shifted_chebyshev_polynomial_v, shifted_chebyshev_polynomial_w = (
    _declare(f"shifted_chebyshev_polynomial_{k}", rf"{k.upper()}^*_{{{{b}}}}({{a}})", _shifted(f)) for k, f in _KINDS.items())
hermite_polynomial_h = _declare("hermite_polynomial_h", r"H_{{b}}({a})", lambda x, n: _recurrence(x, n, 2 * x, lambda x, p, q, k: 2 * x * p - 2 * k * q))
hermite_polynomial_he = _declare("hermite_polynomial_he", r"He_{{b}}({a})", lambda x, n: _recurrence(x, n, x, lambda x, p, q, k: x * p - k * q))
laguerre_polynomial_l = _declare("laguerre_polynomial_l", r"L_{{b}}({a})",
                                 lambda x, n: _recurrence(x, n, 1 - x, lambda x, p, q, k: ((2 * k + 1 - x) * p - k * q) / (k + 1)))
legendre_polynomial_p = _declare("legendre_polynomial_p", r"P_{{b}}({a})",
                                 lambda x, n: _recurrence(x, n, x, lambda x, p, q, k: ((2 * k + 1) * x * p - k * q) / (k + 1)))
