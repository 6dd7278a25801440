"""Projections of probed tensors: rows to three dimensions, aligned over steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import Frame, Tape
from .pca import neighbours, pca, procrustes

ROWS = 5000                        # points of one step that are shown
POOL = 4000                        # rows of recent steps that the basis is fitted to


class _Basis:
    """The basis of one key: fitted to the pooled rows of recent steps, turned to agree with the one before."""

    def __init__(self) -> None:
        self.pool: list[Any] = []
        self.mean: Any = None
        self.basis: Any = None
        self.share: Any = None

    def add(self, x: Any) -> None:
        width = x.shape[1]
        self.pool = [p for p in self.pool if p.shape[1] == width][-7:]
        self.pool.append(x[np.linspace(0, len(x) - 1, min(len(x), POOL // 8)).astype(int)])
        mean, basis, share = pca(np.concatenate(self.pool))
        if self.basis is not None and self.basis.shape == basis.shape:
            basis = procrustes(basis, self.basis)
        self.mean, self.basis, self.share = mean, basis, share


def rows_of(a: Any) -> Any:
    """A tensor as rows: the first dimension stays, the others become columns."""
    a = np.asarray(a, np.float64)
    return a.reshape(1, 1) if a.ndim == 0 else a.reshape(-1, 1) if a.ndim == 1 else a.reshape(len(a), -1)


def frames(tape: Tape, key: str, cursor: Any = None, most: int | None = None,
           bases: dict[str, Any] | None = None) -> tuple[list[Frame], Any]:
    """Projections of the copies that a probe has made since `cursor`, all of them or `most`; `bases` remembers their axes, else the tape does."""
    if not key:
        return [], cursor
    bases = tape.memory.setdefault("project", {}) if bases is None else bases
    items, after = tape.copies(key, cursor, 1 << 20, most=most)
    found = []
    for item in items:
        copy, shape, _ = item.data
        named = tape.rows_of(key, item.step, shape) if copy.shape == tuple(shape) else None
        x = rows_of(copy if named is None else copy.reshape(len(named[0]), -1))
        good = np.isfinite(x).all(1)
        if not good.any():
            continue
        pick = np.flatnonzero(good)
        if len(pick) > ROWS:
            pick = np.sort(np.random.default_rng(0).choice(pick, ROWS, replace=False))
        x = x[pick]
        basis = bases.setdefault(key, _Basis())
        basis.add(x)
        xyz = (x - basis.mean) @ basis.basis
        columns = {"xyz": xyz.astype(np.float32).ravel(), "row": pick.astype(np.int32)}
        labels = tape.labels_of(item.step) if named is None else named[0]
        if named is not None or (labels is not None and len(labels) == shape[0] == len(copy)):
            columns["label"] = np.asarray(labels)[pick].astype(np.int32)
        about = {} if named is None else {"names": {str(i): named[1][i] for i in np.unique(columns["label"]).tolist() if i in named[1]}}
        found.append(Frame("projection", {"key": key, "step": item.step, "n": len(pick), "method": "PCA", "explained": [float(s) for s in basis.share],
                                          "width": int(x.shape[1]), **about}, columns))
    return found, after


__all__ = ["frames", "neighbours", "pca", "procrustes", "rows_of"]
