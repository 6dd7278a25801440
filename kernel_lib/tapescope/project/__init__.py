"""Projections of probed tensors: rows to three dimensions, aligned over steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import Frame, Tape
from .embed import is_embedding, job
from .pca import neighbours, pca, procrustes
from .rows import labelled, rows_of

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


def frames(tape: Tape, key: str, cursor: Any = None, most: int | None = None,
           bases: dict[str, Any] | None = None) -> tuple[list[Frame], Any]:
    """Projections of the copies that a probe has made since `cursor`, all of them or `most`, or what a t-SNE that was started (`job`) has come to; `bases` remembers their axes, else the tape does."""
    if not key:
        return [], cursor
    if is_embedding(key):
        return job(tape, key).frames(cursor)
    bases = tape.memory.setdefault("project", {}) if bases is None else bases
    items, after = tape.copies(key, cursor, 1 << 20, most=most)
    found = []
    for item in items:
        x, pick, label, about = labelled(tape, key, item, ROWS)
        if not len(pick):
            continue
        basis = bases.setdefault(key, _Basis())
        basis.add(x)
        xyz = (x - basis.mean) @ basis.basis
        columns = {"xyz": xyz.astype(np.float32).ravel(), "row": pick.astype(np.int32)}
        if label is not None:
            columns["label"] = label
        found.append(Frame("projection", {"key": key, "step": item.step, "n": len(pick), "method": "PCA", "explained": [float(s) for s in basis.share],
                                          "width": int(x.shape[1]), **about}, columns))
    return found, after


__all__ = ["frames", "job", "neighbours", "pca", "procrustes", "rows_of"]
