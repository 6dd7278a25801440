"""Neighbours of a row among the vectors that it was projected from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tape import Tape
from .pca import distances
from .rows import rows_of

MOST = 100


def near(tape: Tape, key: str, step: int, row: int, k: int = 10, metric: str = "cosine") -> dict[str, Any]:
    """The k rows nearest to `row` in the copy of `key` at `step`, nearest first, with their distances.

    Raises ValueError for a metric other than "cosine" and "l2", KeyError where the copy is gone, IndexError for a row that it has not.
    """
    items, _ = tape.copies(key, None, 1 << 30, steps=(step, step))
    if not items:
        raise KeyError(f"no copy of {key} at step {step} is kept")
    copy, shape, _ = items[-1].data
    named = tape.rows_of(key, step, shape) if copy.shape == tuple(shape) else None
    x = rows_of(copy if named is None else copy.reshape(len(named[0]), -1))
    if not 0 <= row < len(x):
        raise IndexError(f"{key} has no row {row} at step {step}: it has {len(x)}")
    d = distances(x, row, metric)
    d[row] = np.inf
    order = np.argsort(np.where(np.isfinite(d), d, np.inf), kind="stable")[:max(1, min(int(k), MOST))]
    order = order[np.isfinite(d[order])]
    return {"rows": order.tolist(), "distances": [float(v) for v in d[order]], "metric": metric}
