"""The backward pass as the list of its nodes, with the cursor of a held pass."""

from __future__ import annotations

from typing import Any

from ...core.engine import discover
from ...debugger import held
from ...tape import Tape
from ..read import gather, structure
from .svg import BACKWARD, INK, LINE, MUTED, document, empty, number, rect, text

MOST = 24


def backward_svg(tape: Tape) -> str:
    """Nodes around the cursor, newest first, with the norm of the gradient that came in where it was recorded."""
    g = structure(tape)
    if g is None or not g.node_name:
        return empty("No backward pass yet", "dbg = ts.debug(loss)   # holds it before its first node")
    dbg = held(tape)
    norms: dict[int, float] = {}
    recorded = [f for f in gather(tape, "gradients") if f.meta["graph"] == g.number]
    if recorded:
        norms = {int(n): float(v) for n, v in zip(recorded[-1].columns["node"], recorded[-1].columns["norm"], strict=True)}
    order: list[int]
    if dbg is not None:
        nodes, _ = discover([t._node for t in dbg.roots if t._node is not None])
        order = [dbg.rows[n] for n in nodes if n in dbg.rows]
        at = dbg.at.row if dbg.at is not None else -1
        head = f"{dbg.state}: node {min(dbg.index + 1, dbg.total)} of {dbg.total}"
    else:
        order, at, head = [r for r in range(len(g.node_name) - 1, -1, -1) if g.node_src[r] < 0], -1, f"{len(g.node_name)} nodes"
    here = order.index(at) if at in order else 0
    first = max(0, min(here - MOST // 2, len(order) - MOST))
    parts: list[str] = [text(14, 22, "backward", weight=600), text(430, 22, head, anchor="end", fill=MUTED)]
    for i, row in enumerate(order[first:first + MOST]):
        parts += _line(34 + i * 22, g.node_name[row], norms.get(row), row == at, first + i < here)
    shown = min(MOST, len(order))
    return document(444, 44 + shown * 22, parts, f"backward pass, {head}")


def _line(y: float, name: str, norm: Any, current: bool, done: bool) -> list[str]:
    mark = "▶" if current else "✓" if done else "·"
    return [rect(10, y, 424, 19, "#fdeee4" if current else "#ffffff", stroke=BACKWARD if current else LINE, radius=4),
            text(20, y + 13.5, mark, fill=BACKWARD if current else MUTED), text(40, y + 13.5, name, fill=INK, weight=600 if current else 400, width=44),
            text(426, y + 13.5, "" if norm is None else f"‖g‖ {number(norm)}", anchor="end", fill=MUTED, size=10)]
