"""Samples that are drawn by rejection, in PyTorch's order, and how they move when a parameter does.

Up to `FEW` numbers are drawn one after the other as PyTorch draws them, so that they are its numbers after the same seed; more of them by NumPy, from the same generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.function import Function
from ..core.random import Generator, default_generator
from ..core.tensor import Tensor, wrap
from ..ops.special_gamma import igamma_op, igammac_op, lgamma_kernel

FEW = 4096
Array = np.ndarray[Any, Any]

_THIRD = np.float32(1) / np.float32(3)                      # PyTorch's constants are float32
_SQUEEZE = float(np.float32(0.0331))


def _each(parameters: Array, one: Callable[[Any, Generator], float], many: Callable[[Any], Array]) -> Array:
    g = default_generator
    if parameters.size <= FEW:
        return np.array([one(p, g) for p in parameters.reshape(-1)]).reshape(parameters.shape)
    with g._lock:
        return many(g._state).reshape(parameters.shape)


def _uniform(g: Generator) -> float:
    return float(g.uniform(1, np.float64)[0])


def _one_gamma(alpha: Any, g: Generator) -> float:
    """Marsaglia and Tsang, 2000."""
    kind = type(alpha)
    scale = 1.0
    if alpha < 1:
        if alpha == 0:
            return 0.0
        scale = (1 - _uniform(g)) ** float(kind(1) / alpha)
        alpha = alpha + kind(1)
    d = float(alpha - kind(_THIRD))
    c = 1 / math.sqrt(9 * d)
    while True:
        y = 0.0
        while y <= 0:
            x = g._one_normal()
            y = 1 + c * x
        v = y * y * y
        u = 1 - _uniform(g)
        if u < 1 - _SQUEEZE * x * x * x * x or math.log(u) < 0.5 * x * x + d * (1 - v + math.log(v)):
            return scale * d * v


def gamma(alpha: Array) -> Array:
    """Gamma numbers of rate 1."""
    least = np.finfo(alpha.dtype).tiny
    drawn = _each(alpha, _one_gamma, lambda s: s.standard_gamma(alpha.astype(np.float64)))
    return np.maximum(drawn.astype(alpha.dtype), least)


def dirichlet(alpha: Array) -> Array:
    """Shares that add up to 1 along the last dimension."""
    y = gamma(alpha.astype(np.float64))
    y = (y / y.sum(-1, keepdims=True)).astype(alpha.dtype)
    return np.clip(y, np.finfo(alpha.dtype).tiny, np.nextafter(alpha.dtype.type(1), alpha.dtype.type(0)))


def _tail(k: float) -> float:
    """log k! less Stirling's formula for it."""
    if k <= 9:
        return math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + 0.5 * math.log(2 * math.pi))
    s = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / s) / s) / (k + 1)


def _one_binomial(n: float, p: float, g: Generator) -> float:
    if n <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return n
    if p > 0.5:
        return n - _one_binomial(n, 1 - p, g)
    if n * p < 10:                                          # waiting times between successes
        total, found, log_q = 0.0, 0, math.log1p(-p)
        while True:
            u = _uniform(g)
            total += math.ceil(math.log(u) / log_q) if u > 0 else math.inf
            if total > n:
                return float(found)
            found += 1
    spread = math.sqrt(n * p * (1 - p))                     # Hoermann, 1993: transformed rejection
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c, tight, ratio, alpha, m = n * p + 0.5, 0.92 - 4.2 / b, p / (1 - p), (2.83 + 5.1 / b) * spread, math.floor((n + 1) * p)
    while True:
        u, v = _uniform(g) - 0.5, _uniform(g)
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + c) if us else -1
        if us >= 0.07 and v <= tight:
            return float(k)
        if k < 0 or k > n or v <= 0:
            continue
        bound = ((m + 0.5) * math.log((m + 1) / (ratio * (n - m + 1))) + (n + 1) * math.log((n - m + 1) / (n - k + 1))
                 + (k + 0.5) * math.log(ratio * (n - k + 1) / (k + 1)) + _tail(m) + _tail(n - m) - _tail(k) - _tail(n - k))
        if math.log(v * alpha / (a / (us * us) + b)) <= bound:
            return float(k)


def binomial(count: Array, prob: Array) -> Array:
    """How many of `count` trials succeed."""
    count, prob = np.broadcast_arrays(count, prob)
    if count.size > FEW:
        with default_generator._lock:
            return default_generator._state.binomial(count.astype(np.int64), prob.astype(np.float64)).astype(prob.dtype)
    drawn = [_one_binomial(float(n), float(p), default_generator) for n, p in zip(count.reshape(-1), prob.reshape(-1), strict=True)]
    return np.array(drawn, prob.dtype).reshape(prob.shape)


# -- how a sample moves: at an unchanged share of the distribution below it ------------------------------------------------


def _slope(share: Callable[[Any], Any], a: Array) -> Array:
    """The derivative of a share by its parameter, by central differences of fourth order."""
    h = 1e-3 * np.minimum(a, np.sqrt(a))
    return (8 * (share(a + h) - share(a - h)) - (share(a + 2 * h) - share(a - 2 * h))) / (12 * h)


def gamma_slope(alpha: Array, x: Array) -> Array:
    r"""$-\frac{\partial P(\alpha, x)}{\partial \alpha} / p(x)$: Figurnov et al., 2018. The smaller of both tails is differentiated, so that no digits are lost."""
    a, v = alpha.astype(np.float64).reshape(-1), x.astype(np.float64).reshape(-1)      # the kernels take lines
    lower = v < a

    def share(b: Array) -> Array:
        return np.where(lower, -np.asarray(igamma_op.op.forward(b, v)), np.asarray(igammac_op.op.forward(b, v)))

    density = np.exp((a - 1) * np.log(v) - v - lgamma_kernel(a))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(density > 0, _slope(share, a) / density, v / a)
    return found.astype(x.dtype).reshape(x.shape)


def _fraction(a: Array, b: Array, x: Array) -> Array:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c, d = np.ones_like(x), 1 - (a + b) * x / (a + 1)
    d = 1 / np.where(np.abs(d) < tiny, tiny, d)
    y = d.copy()
    for m in range(1, 300):
        for up in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 + up * d
            d = 1 / np.where(np.abs(d) < tiny, tiny, d)
            c = 1 + up / c
            c = np.where(np.abs(c) < tiny, tiny, c)
            y *= d * c
        if np.all(np.abs(d * c - 1) < 1e-15):
            break
    return y


def beta_slope(x: Array, alpha: Array, total: Array) -> Array:
    r"""$-\frac{\partial I_x(\alpha, \beta)}{\partial \alpha} / (p(x)\,(1 - x))$ with $\beta = total - \alpha$."""
    v, a = x.astype(np.float64).reshape(-1), alpha.astype(np.float64).reshape(-1)
    b = total.astype(np.float64).reshape(-1) - a
    lower = v < (a + 1) / (a + b + 2)
    log_v, log_rest = np.log(v), np.log1p(-v)

    def share(a: Array) -> Array:
        front = np.exp(lgamma_kernel(a + b) - lgamma_kernel(a) - lgamma_kernel(b) + a * log_v + b * log_rest)
        first, second = np.where(lower, a, b), np.where(lower, b, a)
        tail = front * _fraction(first, second, np.where(lower, v, 1 - v)) / first
        return np.where(lower, -tail, tail)

    density = np.exp(lgamma_kernel(a + b) - lgamma_kernel(a) - lgamma_kernel(b) + (a - 1) * log_v + b * log_rest)      # times 1 - x
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(density > 0, _slope(share, a) / density, 0).astype(x.dtype).reshape(x.shape)


class StandardGamma(Function):
    """Gamma numbers of rate 1 that know how they move with their concentration."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        x = wrap(gamma(concentration._array))
        ctx.save_for_backward(x, concentration)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, a = ctx.saved_tensors
        return grad * wrap(gamma_slope(a._array, x._array))


class _Dirichlet(Function):                                 # PyTorch's name, which its grad_fn shows
    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        x = wrap(dirichlet(concentration._array))
        ctx.save_for_backward(x, concentration)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        x, a = ctx.saved_tensors
        total = np.broadcast_to(a._array.sum(-1, keepdims=True), a._array.shape)
        slope = wrap(beta_slope(x._array, a._array, total))
        return slope * (grad - (x * grad).sum(-1, keepdim=True))


Dirichlet = _Dirichlet
