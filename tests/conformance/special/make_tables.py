"""Writes `ops/special_tables.py`: the polynomials behind the special functions, fitted with mpmath at 60 digits.

    python tests/conformance/special/make_tables.py            # writes the file
    python tests/conformance/special/make_tables.py lgamma_2   # prints one table

A piece is an interpolation at Chebyshev nodes, of the smallest degree that is right to 1e-17 of the largest value, turned into powers at full precision.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp

mp.mp.dps = 60
TARGET = Path(__file__).resolve().parents[3] / "kernel_lib" / "tapescope" / "ops" / "special_tables.py"
Piece = tuple[float, float, tuple[float, ...]]


def fit(f: Callable[[Any], Any], low: Any, high: Any) -> Piece:
    """The polynomial in t = (2u - low - high) / (high - low) that is f(u)."""
    low, high = mp.mpf(low), mp.mpf(high)
    n = 48
    nodes = [mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    values = [f((t * (high - low) + low + high) / 2) for t in nodes]
    cheb = [2 * mp.fsum(v * mp.cos(mp.pi * j * (2 * k + 1) / (2 * n)) for k, v in enumerate(values)) / n for j in range(n)]
    cheb[0] /= 2
    size = max(abs(v) for v in values)
    degree = next(d for d in range(n) if mp.fsum(abs(c) for c in cheb[d + 1:]) < size * mp.mpf("1e-17"))
    before, now, powers = [mp.mpf(1)], [mp.mpf(0), mp.mpf(1)], [mp.mpf(0)] * (degree + 1)
    for j in range(degree + 1):
        basis = before if j == 0 else now
        for i, b in enumerate(basis):
            powers[i] += cheb[j] * b
        if j:
            after = [mp.mpf(0), *[2 * b for b in now]]
            for i, b in enumerate(before):
                after[i] -= b
            before, now = now, after
    return float(low), float(high), tuple(float(p) for p in powers)


def pieces(f: Callable[[Any], Any], *edges: Any) -> tuple[Piece, ...]:
    return tuple(fit(f, a, b) for a, b in itertools.pairwise(edges))


def _limit(f: Callable[[Any], Any], at: Any = 0) -> Callable[[Any], Any]:
    """f, taken a hair beside a point where its formula is 0 / 0."""
    return lambda u: f(u if u != at else at + mp.mpf("1e-25"))


def _erfcx(t: Any) -> Any:
    x = 4 * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def _erfinv(w: Any) -> Any:
    """erfinv(y) / y over w = -log(1 - y^2), by Newton."""
    if w < mp.mpf("1e-30"):
        return mp.sqrt(mp.pi) / 2
    y, rest = mp.sqrt(-mp.expm1(-w)), None
    rest = mp.exp(-w) / (1 + y)                             # 1 - y
    x = mp.sqrt(w) * mp.mpf("0.95") if w > 1 else y * mp.mpf("0.886")
    for _ in range(60):
        error = mp.log(mp.erfc(x)) - mp.log(rest) if w > 1 else (y - mp.erf(x))
        slope = -2 / mp.sqrt(mp.pi) * mp.exp(-x * x) / mp.erfc(x) if w > 1 else -2 / mp.sqrt(mp.pi) * mp.exp(-x * x)
        step = error / slope
        x -= step
        if abs(step) < mp.mpf("1e-50") * abs(x):
            break
    return x / y


ROOT = mp.findroot(mp.digamma, mp.mpf("1.4616321449683623"))
HALF_LOG = mp.log(2 * mp.pi) / 2


def _stirling(u: Any) -> Any:
    if u == 0:
        return mp.mpf(1) / 12
    x = 1 / mp.sqrt(u)
    return (mp.loggamma(x) - ((x - mp.mpf(1) / 2) * mp.log(x) - x + HALF_LOG)) * x


def _digamma_far(u: Any) -> Any:
    if u == 0:
        return mp.mpf(1) / 12
    x = 1 / mp.sqrt(u)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) * x * x


def _modulus(kind: str, order: int) -> Callable[[Any], Any]:
    """P and Q of the Bessel functions over u = (8 / x)^2; Q is divided by its 8 / x."""
    def f(u: Any) -> Any:
        x = 8 / mp.sqrt(u)
        phase, size = x - (2 * order + 1) * mp.pi / 4, mp.sqrt(mp.pi * x / 2)
        j, y = mp.besselj(order, x), mp.bessely(order, x)
        return size * (mp.cos(phase) * j + mp.sin(phase) * y) if kind == "p" else size * (mp.cos(phase) * y - mp.sin(phase) * j) * x / 8
    return _limit(f)


def _airy_modulus(kind: str) -> Callable[[Any], Any]:
    def f(u: Any) -> Any:
        zeta = 1 / mp.sqrt(u)
        z = (zeta * 3 / 2) ** (mp.mpf(2) / 3)
        phase, size = zeta + mp.pi / 4, mp.sqrt(mp.pi) * z ** mp.mpf("0.25")
        a, b = mp.airyai(-z), mp.airybi(-z)
        return size * (mp.sin(phase) * a + mp.cos(phase) * b) if kind == "p" else size * (mp.sin(phase) * b - mp.cos(phase) * a) * zeta
    return _limit(f)


def _airy_far(u: Any) -> Any:
    zeta = 1 / u
    x = (zeta * 3 / 2) ** (mp.mpf(2) / 3)
    return mp.airyai(x) * 2 * mp.sqrt(mp.pi) * x ** mp.mpf("0.25") * mp.exp(zeta)


def _scaled(f: Callable[..., Any], order: int, sign: int) -> Callable[[Any], Any]:
    def g(u: Any) -> Any:
        x = 8 / u
        return mp.sqrt(x) * mp.exp(sign * x) * f(order, x)
    return _limit(g)


TWO_PI = 2 / mp.pi
NEAR = (0, 2.5, 5, 8)
FITS: dict[str, Callable[[], tuple[Piece, ...]]] = {
    "erfcx": lambda: pieces(_limit(_erfcx, 1), -1, 1),
    "erf": lambda: pieces(_limit(lambda v: mp.erf(mp.sqrt(v)) / mp.sqrt(v)), 0, 1),
    "erfinv": lambda: pieces(_erfinv, 0, 3, 6.25),
    "erfinv_far": lambda: pieces(lambda s: _erfinv(s * s), 2.5, 4, 6.5, 11, 18, 28),
    "lgamma_2": lambda: pieces(_limit(lambda u: mp.loggamma(2 + u) / u), -0.5, 0.5),
    "lgamma": lambda: pieces(mp.loggamma, 2.5, 4.5, 9),
    "stirling": lambda: pieces(_stirling, 0, mp.mpf(1) / 81),
    "digamma_1": lambda: pieces(lambda x: mp.digamma(x) / (x - ROOT), 1, 2),
    "digamma": lambda: pieces(mp.digamma, 2, 4.5, 10),
    "digamma_far": lambda: pieces(_digamma_far, 0, mp.mpf(1) / 100),
    "i0e": lambda: pieces(lambda x: mp.exp(-x) * mp.besseli(0, x), *NEAR),
    "i1e": lambda: pieces(_limit(lambda x: mp.exp(-x) * mp.besseli(1, x) / x), *NEAR),
    "i0e_far": lambda: pieces(_scaled(mp.besseli, 0, -1), 0, 0.4, 1),
    "i1e_far": lambda: pieces(_scaled(mp.besseli, 1, -1), 0, 0.4, 1),
    "k0": lambda: pieces(_limit(lambda v: mp.besselk(0, mp.sqrt(v)) + mp.log(mp.sqrt(v) / 2) * mp.besseli(0, mp.sqrt(v))), 0, 4),
    "k1": lambda: pieces(_limit(lambda v: (mp.besselk(1, mp.sqrt(v)) - mp.log(mp.sqrt(v) / 2) * mp.besseli(1, mp.sqrt(v)) - 1 / mp.sqrt(v)) / mp.sqrt(v)), 0, 4),
    "k0e": lambda: pieces(_scaled(mp.besselk, 0, 1), 0, 0.8, 1.6, 4),
    "k1e": lambda: pieces(_scaled(mp.besselk, 1, 1), 0, 0.8, 1.6, 4),
    "j0": lambda: pieces(lambda x: mp.besselj(0, x), *NEAR),
    "j1": lambda: pieces(_limit(lambda x: mp.besselj(1, x) / x), *NEAR),
    "y0": lambda: pieces(_limit(lambda x: mp.bessely(0, x) - TWO_PI * mp.log(x) * mp.besselj(0, x)), *NEAR),
    "y1": lambda: pieces(_limit(lambda x: (mp.bessely(1, x) - TWO_PI * (mp.log(x) * mp.besselj(1, x) - 1 / x)) / x), *NEAR),
    **{f"{kind}{order}": (lambda kind=kind, order=order: pieces(_modulus(kind, order), 0, 1)) for order in (0, 1) for kind in "pq"},  # type: ignore[misc]
    "airy": lambda: pieces(mp.airyai, -8, -6, -4, -2, 0, 2),
    "airy_far": lambda: pieces(_limit(_airy_far), 0, 0.2, 0.54),
    "airy_p": lambda: pieces(_airy_modulus("p"), 0, 0.0044), "airy_q": lambda: pieces(_airy_modulus("q"), 0, 0.0044),
}

HEAD = '''"""Polynomials behind the special functions: name -> pieces (low, high, coefficients of the powers of t = (2u - low - high) / (high - low)).

Written by `tests/conformance/special/make_tables.py`, which says what each one is; not to be edited.
"""

# fmt: off
TABLES: dict[str, tuple[tuple[float, float, tuple[float, ...]], ...]] = {
'''


def written(name: str, table: tuple[Piece, ...]) -> str:
    """One entry of the file."""
    lines = [f'    "{name}": (']
    for low, high, powers in table:
        row = f"        ({low!r}, {high!r}, ("
        for p in powers:
            if len(row) > 130:
                lines.append(row.rstrip())
                row = "            "
            row += f"{p!r}, "
        lines.append(row.rstrip(", ") + ")),")
    return "\n".join([*lines, "    ),"])


def main() -> None:
    if len(sys.argv) > 1:
        for name in sys.argv[1:]:
            print(written(name, FITS[name]()))
        return
    TARGET.write_text(HEAD + "\n".join(written(name, make()) for name, make in FITS.items()) + "\n}\n")


if __name__ == "__main__":
    main()
