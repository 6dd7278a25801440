"""A tensor in a line, and in numbers: what is told of it in a terminal, and what a view is sent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .axes import Names, axes_of, shape_words

if TYPE_CHECKING:
    from ..core.tensor import Tensor

SAMPLE = 4096                      # values of a tensor that are sent to a view


def one_line(t: Tensor | None, axes: Names | None = None) -> str:
    """'float32[batch 64, 10]  norm 0.31  [-0.2, 0.9]  2 nan'."""
    if t is None:
        return "none"
    return words_of(summary("", t._array), axes or axes_of(t))


def words_of(s: dict[str, Any], axes: Names | None = None) -> str:
    """A summary in words."""
    text = s["dtype"] + shape_words(s["shape"], axes)
    if s["norm"] is not None:
        text += f"  norm {s['norm']:.4g}  [{s['min']:.4g}, {s['max']:.4g}]"
    return text + (f"  {s['nonfinite']} non-finite" if s["nonfinite"] else "")


def summary(name: str, a: Any, dtype: str = "") -> dict[str, Any]:
    """Shape, dtype, bytes and moments of an array; non-finite elements are counted and left out of the moments."""
    a = np.asarray(a) if isinstance(a, np.generic) else a
    found: dict[str, Any] = {"name": name, "shape": [int(s) for s in a.shape], "dtype": dtype or str(a.dtype), "bytes": int(a.nbytes), "min": None, "max": None,
                             "mean": None, "norm": None, "nonfinite": 0, "column": None, "axes": None}
    if a.size and a.dtype.kind in "fiub":
        flat = np.asarray(a if isinstance(a, np.ndarray) else a.get(), np.float64).ravel()
        finite = flat[np.isfinite(flat)]
        found["nonfinite"] = int(flat.size - finite.size)
        if finite.size:
            found.update(min=float(finite.min()), max=float(finite.max()), mean=float(finite.mean()), norm=math.sqrt(float(np.dot(finite, finite))))
    return found


def sample(a: Any) -> tuple[list[int], Any]:
    """At most SAMPLE values, thinned evenly along the longest dimensions; with the shape they have left."""
    a = np.asarray(a if isinstance(a, (np.ndarray, np.generic)) else a.get())
    steps = [1] * a.ndim
    shape = list(a.shape)
    while math.prod(shape) > SAMPLE:
        i = int(np.argmax(shape))
        steps[i] += 1
        shape[i] = -(-a.shape[i] // steps[i])
    return shape, np.array(a[tuple(slice(None, None, s) for s in steps)], np.float32, order="C").ravel()
