"""Principal components, in NumPy; and the alignment that keeps pictures of successive steps comparable."""

from __future__ import annotations

from typing import Any

import numpy as np


def pca(x: Any, k: int = 3, *, seed: int = 0, exact: int = 1024) -> tuple[Any, Any, Any]:
    """The mean [d], the first k directions [d, k] and their shares of the variance [k] of rows x [n, d].

    Exact by the covariance up to `exact` columns; beyond, randomized with two power steps (Halko, Martinsson & Tropp, 2011).
    """
    x = np.asarray(x, np.float64)
    n, d = x.shape
    mean = x.mean(0) if n else np.zeros(d)
    c = x - mean
    total = float((c * c).sum())
    k_real = min(k, n, d)
    if k_real == 0 or total == 0:
        return mean, np.eye(d, k), np.zeros(k)
    if d <= exact:
        values, vectors = np.linalg.eigh(c.T @ c)
        values, vectors = values[::-1][:k_real], vectors[:, ::-1][:, :k_real]
    else:
        rng = np.random.default_rng(seed)
        q = c @ rng.standard_normal((d, min(k_real + 8, n)))
        for _ in range(2):
            q, _ = np.linalg.qr(q)
            q = c @ (c.T @ q)
        q, _ = np.linalg.qr(q)
        _, s, vt = np.linalg.svd(q.T @ c, full_matrices=False)
        values, vectors = s[:k_real] ** 2, vt[:k_real].T
    # one sign for each direction: the largest entry is positive
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(0), range(k_real)] < 0, -1.0, 1.0)
    basis, share = np.zeros((d, k)), np.zeros(k)
    basis[:, :k_real], share[:k_real] = vectors, np.maximum(values, 0) / total
    return mean, basis, share


def procrustes(basis: Any, reference: Any) -> Any:
    """`basis` turned within its own span to lie as close to `reference` as it can (Schönemann, 1966)."""
    u, _, vt = np.linalg.svd(basis.T @ reference)
    return basis @ (u @ vt)


def neighbours(x: Any, row: int, k: int = 10, metric: str = "cosine") -> Any:
    """The k rows nearest to a row, by cosine or L2 distance on the original vectors."""
    order = np.argsort(distances(x, row, metric), kind="stable")
    return order[order != row][:k]


def distances(x: Any, row: int, metric: str) -> Any:
    """How far each row [n] lies from a row: 1 - cosine, or L2."""
    x = np.asarray(x, np.float64)
    if metric == "cosine":
        unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
        return 1 - unit @ unit[row]
    if metric == "l2":
        return np.linalg.norm(x - x[row], axis=1)
    raise ValueError(f"metric is 'cosine' or 'l2', not {metric!r}")
