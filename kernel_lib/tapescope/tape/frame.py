"""What a tape is read by: frames, and the names of their kinds and of the value levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]

LEVELS = ("none", "health", "stats", "histogram", "full")
NONE, HEALTH, STATS, HISTOGRAM, FULL = range(5)

# Kinds that the tape answers itself; "findings", "projection" and "debug" come from providers.
KINDS = ("graph", "clocks", "gradients", "scalars", "stats", "histograms", "tensor", "media", "kernels", "status")


@dataclass(slots=True)
class Frame:
    """Some rows of one kind: `meta` is JSON, `columns` are typed arrays that belong to the reader."""

    kind: str
    meta: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(c.nbytes for c in self.columns.values())

    def __repr__(self) -> str:
        sizes = ", ".join(f"{k}[{len(v)}]" for k, v in self.columns.items())
        return f"Frame({self.kind!r}, {self.meta}, {sizes})"


def level_of(values: str) -> int:
    """The number of a value level; raises ValueError for a name that is none."""
    if values not in LEVELS:
        raise ValueError(f"values must be one of {', '.join(map(repr, LEVELS))}, not {values!r}")
    return LEVELS.index(values)


def ints(rows: list[int]) -> Column:
    return np.array(rows, dtype=np.int32)


def refs(rows: list[int]) -> Column:
    return np.array(rows, dtype=np.uint32)


def rows_here(rows: Any, same: bool) -> Column:
    """Node rows of a pass: those of nodes from the pass before count only where it had the same structure, else -1."""
    at = np.array(rows, np.int32)
    old = at < 0
    if old.any():
        at[old] = -2 - at[old] if same else -1
    return at
