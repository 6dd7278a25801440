"""The graph, closed to the children of the outermost module: boxes in order of the data, edges between them."""

from __future__ import annotations

from ...tape import Tape
from ..read import Structure, structure
from .svg import FORWARD, INK, MUTED, document, empty, rect, text

BOX_W, BOX_H, GAP_X, GAP_Y, MOST = 168, 34, 20, 26, 60


def graph_svg(tape: Tape) -> str:
    """At most 60 boxes: module calls one level below the root, and ops outside of modules."""
    g = structure(tape)
    if g is None or not g.op_name:
        return empty("No graph yet", "with ts.record() as tape: loss = criterion(model(x), y); loss.backward(); opt.step()")
    boxes, links = _level(g)
    hidden = len(boxes) - MOST
    rank: dict[int, int] = {}
    for b in sorted(boxes, key=lambda k: boxes[k][2]):
        rank[b] = 1 + max((rank[a] for a, z in links if z == b and a in rank), default=-1)
    shown = sorted(boxes, key=lambda k: (rank[k], boxes[k][2]))[:MOST]
    rows: dict[int, list[int]] = {}
    for b in shown:
        rows.setdefault(rank[b], []).append(b)
    widest = max(len(r) for r in rows.values())
    width = max(widest * (BOX_W + GAP_X) + GAP_X, 300)
    place: dict[int, tuple[float, float]] = {}
    for y, r in enumerate(sorted(rows)):
        left = (width - len(rows[r]) * (BOX_W + GAP_X) + GAP_X) / 2
        for i, b in enumerate(rows[r]):
            place[b] = (left + i * (BOX_W + GAP_X), 14 + y * (BOX_H + GAP_Y))
    parts = []
    for a, z in sorted(links):
        if a in place and z in place:
            (x1, y1), (x2, y2) = place[a], place[z]
            x1, x2, y1 = x1 + BOX_W / 2, x2 + BOX_W / 2, y1 + BOX_H
            bend = (y2 - y1) / 2
            parts.append(f'<path d="M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2:.0f}" fill="none" stroke="#98a2b3"/>')
    for b, (x, y) in place.items():
        title, detail, _ = boxes[b]
        module = b < 0
        parts.append(rect(x, y, BOX_W, BOX_H, "#e8effc" if module else "#ffffff", stroke=FORWARD if module else "#98a2b3", radius=6))
        parts.append(text(x + BOX_W / 2, y + 15, title, anchor="middle", weight=600 if module else 400, fill=INK, width=24))
        parts.append(text(x + BOX_W / 2, y + 28, detail, anchor="middle", size=9, fill=MUTED, width=30))
    height = 14 + len(rows) * (BOX_H + GAP_Y)
    if hidden > 0:
        parts.append(text(14, height + 4, f"and {hidden} more", size=10, fill=MUTED))
        height += 16
    return document(width, height, parts, f"graph of {len(g.op_name)} ops in {len(g.mod_path)} module calls")


def _level(g: Structure) -> tuple[dict[int, tuple[str, str, int]], set[tuple[int, int]]]:
    """Boxes (module call -(row + 1) or op row -> title, detail, order) and the links between them."""
    roots = [i for i, p in enumerate(g.mod_parent) if p < 0]
    # a single root call, or several with children of their own, are opened once
    opened = {r for r in roots if any(p == r for p in g.mod_parent)} if len(roots) <= 4 else set()

    def box_of(op: int) -> int:
        m, below = g.op_module[op], -1
        while m >= 0 and m not in opened:
            below, m = m, g.mod_parent[m]
        return -(below + 1) if below >= 0 else op

    boxes: dict[int, tuple[str, str, int]] = {}
    links: set[tuple[int, int]] = set()
    owner = [box_of(i) for i in range(len(g.op_name))]
    for i, b in enumerate(owner):
        if b not in boxes:
            boxes[b] = (g.mod_path[-b - 1] or g.mod_class[-b - 1], g.mod_class[-b - 1], i) if b < 0 else (g.op_name[i], g.op_shape[i].replace("x", " × ") or "0-d", i)
        for a in g.op_in[i]:
            if a >= 0 and owner[a] != b:
                links.add((owner[a], b))
    return boxes, links
