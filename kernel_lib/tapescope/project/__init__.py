"""Projections of probed tensors: rows to three dimensions, aligned over steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import Frame, Tape
from . import axes, pictures
from .embed import embed, is_embedding, job
from .near import near
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
    """Projections of the copies that a probe has made since `cursor`, all of them or `most`, or what a t-SNE that was started (`job`) has come to; `bases` remembers their axes, else the tape does.

    `key` may also name axes of one's own ("axes:3|7:activation/fc1", see `axes`) or the rows' pictures ("pictures:activation/fc1").
    """
    if not key:
        return [], cursor
    if is_embedding(key):
        return job(tape, key).frames(cursor)
    if key.startswith(pictures.PREFIX):
        return pictures.frames(tape, key, cursor, most)
    own, key_of_copies = axes.parsed(key)
    bases = tape.memory.setdefault("project", {}) if bases is None else bases
    items, after = tape.copies(key_of_copies, cursor, 1 << 20, most=most)
    found = []
    for item in items:
        rows = labelled(tape, key_of_copies, item, ROWS)
        if not len(rows.pick):
            continue
        if own:
            found.append(rows.frame(key, item.step, axes.places(own, rows), "axes", axes=own))
            continue
        basis = bases.setdefault(key, _Basis())
        basis.add(rows.x)
        found.append(rows.frame(key, item.step, (rows.x - basis.mean) @ basis.basis, "PCA", explained=[float(s) for s in basis.share]))
    return found, after


__all__ = ["embed", "frames", "job", "near", "neighbours", "pca", "procrustes", "rows_of"]
