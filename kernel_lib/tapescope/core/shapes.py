"""Errors of shapes, drawn: the shapes below each other with the dimension that fails marked, where each tensor came from, and what would fit.

The picture is a note of the exception (PEP 678): its text stays PyTorch's, and tracebacks in terminals and notebooks show the note below it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from .site import resolve
from .state import mode


class Row:
    """A tensor in the picture: its name, its shape, and in which column its first axis stands."""

    __slots__ = ("column", "name", "shape", "tensor")

    def __init__(self, name: str, shape: tuple[int, ...], column: int, tensor: Any = None) -> None:
        self.name, self.shape, self.column, self.tensor = name, shape, column, tensor


def drawn(error: Any, rows: Sequence[Row], columns: Sequence[int], fits: str = "") -> Any:
    """Adds the picture to an exception and returns it. `columns` are those in which the shapes do not fit."""
    error.shapes = [(r.name, r.shape) for r in rows]
    error.rows, error.columns, error.fits = list(rows), list(columns), fits
    error.__notes__ = [picture(rows, columns, fits)]
    return error


def redraw(error: Any, operands: Sequence[Any]) -> None:
    """The same picture with the tensors behind the shapes, once they are known."""
    for r in error.rows:
        r.tensor = next((t for t in operands if r.tensor is None and hasattr(t, "_array") and t._array.shape == r.shape), r.tensor)
    drawn(error, error.rows, error.columns, error.fits)


def picture(rows: Sequence[Row], columns: Sequence[int], fits: str = "") -> str:
    """Shapes in columns, with carets below those that do not fit."""
    cells: list[dict[int, str]] = []
    for r in rows:
        names = getattr(r.tensor, "__dict__", {}).get("axes")
        names = names if names is not None and len(names) == len(r.shape) else (None,) * len(r.shape)
        cells.append({r.column + i: f"{n} {s}" if n else str(s) for i, (s, n) in enumerate(zip(r.shape, names, strict=True))})
    span = range(min((c for row in cells for c in row), default=0), max((c for row in cells for c in row), default=-1) + 1)
    wide = {c: max((len(row[c]) for row in cells if c in row), default=0) for c in span}
    label = max(len(r.name) for r in rows)
    lines, marks = [], ""
    for r, row in zip(rows, cells, strict=True):
        text, mark = f"  {r.name:{label}}  ", ""
        first, last = min(row, default=None), max(row, default=None)
        mark = " " * len(text)
        if first is None:
            text += "[]"
        for c in span:
            inside = c in row
            text += ("[" if c == first else " ") + (row[c] if inside else "").rjust(wide[c]) + ("]" if c == last else "," if inside else " ")
            mark += " " + ("^" * len(row[c]) if inside and c in columns else "").rjust(wide[c]) + " "
        lines.append(f"{text}   {whence(r.tensor)}".rstrip())
        marks = mark if any(c in row for c in columns) and len(mark.strip()) >= len(marks.strip()) else marks
    if marks.strip():
        lines.append(marks.rstrip())
    if fits:
        lines.append(f"  would fit: {fits}")
    return "\n".join(lines)


def whence(t: Any) -> str:
    """Where a tensor came from: 'from relu (train.py:12: h = x.relu())', 'the parameter fc.weight', 'made outside the graph'."""
    if t is None or not hasattr(t, "_array"):
        return ""
    sink: Any = mode.sink
    told = getattr(sink, "came_from", None)
    found = told(t) if told is not None else None
    if found:
        return str(found)
    if t._node is not None:
        info = resolve(t._node.site)
        return f"from {t._node.op.label}" + (f" ({info})" if info is not None else "")
    if t._req:
        return f"the parameter {t.name}" if t.name else "a parameter"
    return "made without gradients"


# -- what would fit ---------------------------------------------------------------------------------------------------------------------


def not_broadcast(error: Any, shapes: Sequence[tuple[int, ...]], of: Sequence[Any] = (), names: Sequence[str] = ()) -> Any:
    """Shapes that do not broadcast: aligned at their right ends, as broadcasting does."""
    names = names or [chr(ord("a") + i) for i in range(len(shapes))]
    wide = max(map(len, shapes))
    rows = [Row(n, tuple(s), wide - len(s), of[i] if i < len(of) else None) for i, (n, s) in enumerate(zip(names, shapes, strict=True))]
    columns = [c for c in range(wide) if len({r.shape[c - r.column] for r in rows if c >= r.column} - {1}) > 1]
    return drawn(error, rows, columns, ", or ".join(_broadcasts(rows[0], rows[1])) if len(rows) == 2 else "")


def _broadcasts(a: Row, b: Row) -> list[str]:
    found = []
    for x, y in ((b, a), (a, b)):
        if len(x.shape) == 2 and _fit(y.shape, x.shape[::-1]):
            found.append(f"{x.name}.t() of shape {list(x.shape[::-1])}")
        elif len(x.shape) > 2 and _fit(y.shape, (*x.shape[:-2], x.shape[-1], x.shape[-2])):
            found.append(f"{x.name}.mT of shape {[*x.shape[:-2], x.shape[-1], x.shape[-2]]}")
        for d in range(1, len(x.shape) + 1):
            spread = (*x.shape[:d], 1, *x.shape[d:])
            if len(spread) <= len(y.shape) and _fit(y.shape, spread):
                found.append(f"{x.name}.unsqueeze({d}) of shape {list(spread)}")
    if not found:
        longer, other = (a, b) if len(a.shape) >= len(b.shape) else (b, a)
        found.append(f"{other.name} of shape {list(longer.shape[len(longer.shape) - len(other.shape):]) if other.shape else []}, or with 1 in the marked places")
    return found[:3]


def _fit(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(p == q or 1 in (p, q) for p, q in zip(reversed(a), reversed(b), strict=False))


def not_multiplied(error: Any, a: Row, b: Row, inner: int) -> Any:
    """Matrices whose inner sizes differ: the second stands one column further, so that the inner sizes are below each other. `inner` is that column."""
    p, q = a.shape, b.shape
    found = []
    if len(q) == 2 and p and p[-1] == q[1]:
        found.append(f"{b.name}.t() of shape {[q[1], q[0]]}")
    if len(p) == 2 and q and len(q) == 2 and p[0] == q[0]:
        found.append(f"{a.name}.t() of shape {[p[1], p[0]]}")
    if len(p) == len(q) == 2 and p[0] == q[1]:
        found.append(f"{b.name} @ {a.name}")
    if p and len(q) >= 2:
        found.append(f"{b.name} of shape {[*q[:-2], p[-1], q[-1]]}")
        found.append(f"{a.name} of shape {[*p[:-1], q[-2]]}")
    return drawn(error, [a, b], [inner], ", or ".join(found[:3]))


def not_viewed(error: Any, tensor: Any, target: Sequence[int]) -> Any:
    """A shape that does not hold as many elements: what -1 could be, and which one size would have to be instead."""
    have = tuple(tensor._array.shape)
    n = tensor._array.size
    found = []
    for i in range(len(target)):
        rest = 1
        for j, s in enumerate(target):
            rest *= s if j != i and s > 0 else 1
        if rest and n % rest == 0 and all(s > 0 for j, s in enumerate(target) if j != i):
            found.append(str([*target[:i], n // rest, *target[i + 1:]]))
    rows = [Row("tensor", have, 0, tensor), Row("asked", tuple(target), 0)]
    return drawn(error, rows, [], (", or ".join(found[:3]) + f" ({n} elements)") if found else f"any shape of {n} elements")


def not_joined(error: Any, tensors: Sequence[Any], d: int, k: int) -> Any:
    """Tensors that differ beside the dimension along which they are put together."""
    shapes = [tuple(t._array.shape) for t in tensors]
    rows = [Row(f"tensors[{i}]", s, 0, t) for i, (s, t) in enumerate(zip(shapes, tensors, strict=True))]
    odd = next((i for i, s in enumerate(shapes) if s[k] != shapes[0][k]), 0)
    shown = [rows[0], rows[odd]] if len(rows) > 6 else rows
    ways = [e for e in range(len(shapes[0])) if all(len({s[c] for s in shapes}) == 1 for c in range(len(shapes[0])) if c != e)]
    fits = f"dim={ways[0]}" if ways else f"tensors[{odd}] of shape {[*shapes[odd][:k], shapes[0][k], *shapes[odd][k + 1:]]}"
    return drawn(error, shown, [k], fits)


def not_expanded(error: Any, tensor: Any, target: Sequence[int]) -> Any:
    """A tensor that cannot be spread to a shape."""
    have = tuple(tensor._array.shape)
    wide = max(len(have), len(target))
    rows = [Row("tensor", have, wide - len(have), tensor), Row("target", tuple(target), wide - len(target))]
    columns = [c for c in range(wide) if c >= rows[0].column and c >= rows[1].column and have[c - rows[0].column] not in (1, target[c - rows[1].column]) and target[c - rows[1].column] != -1]
    swaps = [f"tensor.permute{p}" for p in itertools.permutations(range(len(have))) if 1 < len(have) <= 4 and _into(tuple(have[i] for i in p), tuple(target))]
    swaps += [f"tensor.unsqueeze({d})" for d in range(1, len(have) + 1) if _into((*have[:d], 1, *have[d:]), tuple(target))]
    return drawn(error, rows, columns, ", or ".join(swaps[:2]) or "1 in the marked places of the tensor")


def _into(have: tuple[int, ...], target: tuple[int, ...]) -> bool:
    return len(have) <= len(target) and all(h in (1, t) for h, t in zip(reversed(have), reversed(target), strict=False))
