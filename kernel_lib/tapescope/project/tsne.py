"""t-SNE in NumPy (van der Maaten & Hinton, 2008): exact, for as many rows as a picture needs, and told of while it runs."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from .pca import pca

ROWS = 1500                        # beyond these a sample: every pair of rows is looked at in every iteration
FIRST = 250                        # iterations in which neighbours are drawn together more than they should be
ROUNDS = 750
HEAD = struct.Struct("<iidi")      # a picture on its way: iteration, of how many, divergence, bytes of f4 that follow
AGAIN = 250                        # of a picture that begins where the step before has ended


def affinities(x: Any, perplexity: float = 30.0) -> Any:
    """Joint probabilities [n, n] of rows x [n, d]: of each row a Gaussian whose entropy is log(perplexity), made symmetric."""
    n = len(x)
    d = _distances(np.asarray(x, np.float64))
    d = (d / max(float(d.max()), 1e-300)).astype(np.float32)         # their unit does not matter
    np.fill_diagonal(d, np.inf)
    d -= d.min(1, keepdims=True)                            # the nearest has weight 1, so that no row vanishes
    target = np.log(min(perplexity, max((n - 1) / 3, 1.0)))
    scale = np.float32(max(float(np.median(d[np.isfinite(d)])), 1e-30))
    beta, low, high = np.full(n, min(1 / scale, 1e30), np.float32), np.zeros(n, np.float32), np.full(n, np.inf, np.float32)
    for _ in range(48):
        p = np.exp(-d * beta[:, None])
        total = p.sum(1)
        entropy = np.log(total) + beta * np.where(np.isfinite(d), d, 0).__imul__(p).sum(1) / total
        wide = entropy > target
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.minimum(np.where(np.isinf(high), beta * 2, np.where(wide | (low > 0), (low + high) / 2, beta / 2)), 1e35).astype(np.float32)
    p /= total[:, None]
    p += p.T
    return np.maximum(p / p.sum(), 1e-12, dtype=np.float32)


def tsne(x: Any, k: int = 2, *, perplexity: float = 30.0, init: Any = None, every: int = 10) -> Iterator[tuple[int, int, Any, float]]:
    """Yields (iteration, of how many, positions [n, k], divergence) after each `every` iterations. With `init` it goes on from these positions."""
    x = np.asarray(x, np.float64)
    n = len(x)
    if n < 3:
        yield 1, 1, np.zeros((n, k), np.float32) + np.arange(n, dtype=np.float32)[:, None], 0.0
        return
    mean, basis, _ = pca(x, min(50, x.shape[1]))
    p = affinities((x - mean) @ basis, perplexity)
    if init is None:
        y = ((x - mean) @ basis)[:, :k]
        y = np.pad(y, ((0, 0), (0, k - y.shape[1])))
        y = y / max(float(y[:, 0].std()), 1e-30) * 1e-4 + np.random.default_rng(0).standard_normal((n, k)) * 1e-6   # rows that are alike must part
    else:
        y = np.asarray(init, np.float64)
    y = y.astype(np.float32)
    first, rounds = (FIRST, ROUNDS) if init is None else (0, AGAIN)
    rate, speed, gain = np.float32(max(n / 48, 50.0)), np.zeros_like(y), np.ones_like(y)
    for i in range(1, rounds + 1):
        near = 1 / (1 + _distances(y))
        np.fill_diagonal(near, 0)
        total = near.sum()
        pull = ((12.0 if i <= first else 1.0) * p - near / total) * near
        slope = 4 * (pull.sum(1, keepdims=True) * y - pull @ y)
        gain = np.maximum(np.where((slope > 0) != (speed > 0), gain + 0.2, gain * 0.8), 0.01).astype(np.float32)
        speed = np.float32(0.5 if i <= first else 0.8) * speed - rate * gain * slope
        y = y + speed
        if i % every == 0 or i == rounds:
            q = np.maximum(near / total, 1e-12)
            yield i, rounds, y - y.mean(0), float((p * np.log(p / q)).sum())


def _distances(x: Any) -> Any:
    """Squared distances of all pairs of rows."""
    square = (x * x).sum(1)
    return np.maximum(square[:, None] + square - 2 * (x @ x.T), 0)
