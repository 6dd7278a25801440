"""A series in four numbers: what lists of runs show, and what a writer counts while it writes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

DERIVED = ("grad_norm/", "update_ratio/")      # series of single parameters: not what runs are told apart by


class Metric(NamedTuple):
    """A series in four numbers."""

    last: float
    min: float
    max: float
    n: int


def digest(keys: Any, values: Any) -> dict[int, Metric]:
    """Rows of several keys as a Metric each."""
    if not len(keys):
        return {}
    order = np.argsort(keys, kind="stable")
    k, v = np.asarray(keys)[order], np.asarray(values, np.float64)[order]
    begins = np.flatnonzero(np.append(True, k[1:] != k[:-1]))
    ends = np.append(begins[1:], len(k))
    nan = np.isnan(v)
    low, high = np.minimum.reduceat(np.where(nan, np.inf, v), begins), np.maximum.reduceat(np.where(nan, -np.inf, v), begins)
    found = zip(v[ends - 1].tolist(), low.tolist(), high.tolist(), (ends - begins).tolist(), strict=True)
    return dict(zip(k[begins].tolist(), map(Metric._make, found), strict=True))


def joined(a: Metric | None, b: Metric) -> Metric:
    """What two stretches of a series come to, `b` being the later one."""
    return b if a is None else Metric(b.last, min(a.min, b.min), max(a.max, b.max), a.n + b.n)
