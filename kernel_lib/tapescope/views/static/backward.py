"""The backward pass as the list of its nodes, with the cursor of a held pass."""

from __future__ import annotations

import math

from ...debugger import Debugger, held
from ...tape import Tape
from ..read import Structure, newest, structure
from .svg import BACKWARD, INK, LINE, MUTED, TROUBLE, document, empty, number, rect, text

MOST, WIDE = 24, 560


def backward_svg(tape: Tape) -> str:
    """Nodes in the order in which they run, with the norm of the gradient that came in; of a held pass, those around the cursor."""
    g = structure(tape)
    if g is None or not g.node_name:
        return empty("No backward pass yet", "dbg = ts.debug(loss)   # holds it before its first node")
    dbg = held(tape)
    norms = norms_of(tape, g)
    order, here, head = _held(dbg) if dbg is not None else (_recorded(g), -1, "as recorded")
    first = max(0, min(max(here, 0) - MOST // 2, len(order) - MOST))
    shown = order[first:first + MOST]
    logs = [math.log10(v) for v in norms.values() if v > 0 and math.isfinite(v)]
    span = (min(logs), max(logs)) if logs else (0.0, 0.0)
    parts: list[str] = [text(14, 22, "backward", weight=600), text(WIDE - 14, 22, head, anchor="end", fill=MUTED)]
    for i, row in enumerate(shown):
        parts += _line(g, 34 + i * 23, row, norms.get(row), span, first + i - here if here >= 0 else None)
    if len(order) > len(shown):
        parts.append(text(14, 34 + len(shown) * 23 + 10, f"{len(order) - len(shown)} more of {len(order)}", size=10.5, fill=MUTED))
    return document(WIDE, 46 + len(shown) * 23 + (12 if len(order) > len(shown) else 0), parts, f"backward pass, {head}")


def norms_of(tape: Tape, g: Structure) -> dict[int, float]:
    """Node row -> norm of the gradient that came in, in the newest recorded pass of this structure."""
    f = newest(tape, "gradients", id=str(g.number))
    if f is None:
        return {}
    return {int(n): float(v) for n, v in zip(f.columns["node"], f.columns["norm"], strict=True)}


def _recorded(g: Structure) -> list[int]:
    """Nodes of ops, newest first, as the engine takes them; leaves are shown by their parameters."""
    return [r for r in range(len(g.node_name) - 1, -1, -1) if g.node_src[r] < 0]


def _held(dbg: Debugger) -> tuple[list[int], int, str]:
    order = [row for row in dbg.order() if row >= 0]
    at = dbg.at.row if dbg.at is not None else -1
    here = order.index(at) if at in order else len(order)
    head = f"{dbg.state}: node {dbg.index + 1} of {dbg.total}" if dbg.at is not None else f"{dbg.state}: {dbg.total} nodes"
    return order, here, head


def _line(g: Structure, y: float, row: int, norm: float | None, span: tuple[float, float], ahead: int | None) -> list[str]:
    current = ahead == 0
    mark = "" if ahead is None else "▶" if current else "✓" if ahead < 0 else ""
    op, src = g.node_op[row], g.node_src[row]
    module = g.op_module[op] if 0 <= op < len(g.op_module) else -1
    where = g.src_name[src] if src >= 0 else (g.op_label[op] or g.mod_path[module]) if 0 <= op < len(g.op_name) and (module >= 0 or g.op_label[op]) else ""
    parts = [rect(10, y, WIDE - 20, 20, "#fdeee4" if current else "#ffffff", stroke=BACKWARD if current else LINE, radius=4)]
    if norm is not None:
        bad = not math.isfinite(norm)
        share = 1.0 if bad else 0.0 if norm <= 0 else 0.06 + 0.94 * (math.log10(norm) - span[0]) / ((span[1] - span[0]) or 1)
        parts += [rect(WIDE - 196, y + 6, 110 * share, 8, TROUBLE if bad else BACKWARD, radius=2),
                  text(WIDE - 18, y + 14, f"‖g‖ {number(norm)}", anchor="end", fill=TROUBLE if bad else MUTED, size=10)]
    return [*parts, text(18, y + 14, mark, fill=BACKWARD, size=10), text(34, y + 14, g.node_name[row], fill=INK, weight=600 if current else 400, width=34),
            text(250, y + 14, where, fill=MUTED, size=10.5, width=18)]
