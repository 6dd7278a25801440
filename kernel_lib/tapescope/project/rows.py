"""Tensors as rows, and what is known of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np


def rows_of(a: Any) -> Any:
    """A tensor as rows: the first dimension stays, the others become columns."""
    a = np.asarray(a, np.float64)
    return a.reshape(1, 1) if a.ndim == 0 else a.reshape(-1, 1) if a.ndim == 1 else a.reshape(len(a), -1)


def labelled(tape: Any, key: str, item: Any, most: int) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Of a copy of `key` at most `most` finite rows, which rows these are, their classes or None, the words of those as `names`, and as `of` how many rows there are."""
    copy, shape, _ = item.data
    named = tape.rows_of(key, item.step, shape) if copy.shape == tuple(shape) else None
    x = rows_of(copy if named is None else copy.reshape(len(named[0]), -1))
    pick = np.flatnonzero(np.isfinite(x).all(1))
    if len(pick) > most:
        pick = np.sort(np.random.default_rng(0).choice(pick, most, replace=False))
    labels = tape.labels_of(item.step) if named is None else named[0]
    if labels is None or (named is None and not len(labels) == (shape[0] if len(shape) else 0) == len(copy)):
        return x[pick], pick, None, {"of": len(x)}
    label = np.asarray(labels)[pick].astype(np.int32)
    return x[pick], pick, label, {"of": len(x)} if named is None else {"of": len(x), "names": {str(i): named[1][i] for i in np.unique(label).tolist() if i in named[1]}}
