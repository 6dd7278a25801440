"""The graph, closed to the children of the outermost module: boxes in order of the data, arrows between them."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...tape import Tape
from ..read import Structure, structure
from .svg import BACKWARD, FORWARD, INK, MUTED, document, empty, rect, text

WIDE, HIGH, GAP_X, GAP_Y, MOST = 164, 36, 18, 24, 60
EDGE = "#98a2b3"
NO_GRAD = 4


class Box(NamedTuple):
    title: str
    detail: str
    first: int                         # op row with which it begins
    module: bool
    faint: bool                        # off the way to the loss


def graph_svg(tape: Tape, difference: dict[str, Any] | None = None) -> str:
    """At most 60 boxes: module calls one level below the root, and ops outside of modules; `difference` (of `views.difference`) is marked on them."""
    g = structure(tape, None if difference is None else difference["graph"])
    if g is None or not g.op_name:
        return empty("No graph yet", "with ts.record() as tape: loss = criterion(model(x), y); loss.backward(); opt.step()")
    boxes, links, owner = _level(g)
    told = _told(difference, owner) if difference is not None and g.number == difference["graph"] else {}
    rank = _ranks(boxes, links)
    shown = sorted(boxes, key=lambda b: (rank[b], boxes[b].first))[:MOST]
    place, width, height = _places(shown, rank)
    parts = ['<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
             f'<path d="M0,1 L7,4 L0,7" fill="none" stroke="{EDGE}" stroke-width="1.4"/></marker></defs>']
    for a, z in sorted(links):
        if a in place and z in place:
            parts.append(_arrow(place[a], place[z]))
    for b, (x, y) in place.items():
        box = boxes[b]
        shade, line = ("#e8effc", FORWARD) if box.module else ("#ffffff", EDGE)
        if b in told:
            shade, line = "#fdf1dc", BACKWARD
        parts += [rect(x, y, WIDE, HIGH, shade, stroke=line, radius=6),
                  text(x + WIDE / 2, y + 15.5, box.title, anchor="middle", weight=600 if box.module else 400, fill=MUTED if box.faint else INK, width=24),
                  text(x + WIDE / 2, y + 29, told.get(b, box.detail), anchor="middle", size=9.5, fill=MUTED, width=30)]
    foot = f"{len(g.op_name)} ops, {len(g.mod_path)} module calls, {sum(k == 1 for k in g.src_kind)} parameters"
    if difference is not None:
        foot += f"; against {difference['against']}: {len(difference['added'])} added, {len(difference['gone'])} removed, {len(difference['changed'])} changed"
    if len(boxes) > len(shown):
        foot += f"; {len(boxes) - len(shown)} more boxes"
    parts.append(text(14, height + 6, foot, size=10, fill=MUTED))
    return document(width, height + 18, parts, f"graph of {foot}")


def _told(difference: dict[str, Any], owner: list[int]) -> dict[int, str]:
    """What happened in each box, in words: `+2 -1 ~3`, or of a single change what it was."""
    found: dict[int, list[list[str]]] = {}
    for k, rows in enumerate(([[r, ""] for r in difference["added"]], difference["gone"], difference["changed"])):
        for row, words in rows:
            if 0 <= row < len(owner):
                found.setdefault(owner[row], [[], [], []])[k].append(words)
    return {b: (f"~ {changed[0]}" if len(changed) == 1 and not added and not gone else
                "  ".join(f"{sign}{len(what)} {word}" for sign, what, word in (("+", added, "added"), ("−", gone, "removed"), ("~", changed, "changed")) if what))
            for b, (added, gone, changed) in found.items()}


def _places(shown: list[int], rank: dict[int, int]) -> tuple[dict[int, tuple[float, float]], float, float]:
    """The corner of every box, and width and height of all."""
    rows: dict[int, list[int]] = {}
    for b in shown:
        rows.setdefault(rank[b], []).append(b)
    width = max(max(map(len, rows.values())) * (WIDE + GAP_X) + GAP_X, 300)
    place: dict[int, tuple[float, float]] = {}
    for y, r in enumerate(sorted(rows)):
        left = (width - len(rows[r]) * (WIDE + GAP_X) + GAP_X) / 2
        for i, b in enumerate(rows[r]):
            place[b] = (left + i * (WIDE + GAP_X), 14 + y * (HIGH + GAP_Y))
    return place, width, 14 + len(rows) * (HIGH + GAP_Y)


def _arrow(a: tuple[float, float], z: tuple[float, float]) -> str:
    x1, y1, x2, y2 = a[0] + WIDE / 2, a[1] + HIGH, z[0] + WIDE / 2, z[1]
    bend = max((y2 - y1) / 2, 8)
    side = 0.0
    if x1 == x2 and y2 - y1 > HIGH + GAP_Y:                    # past the boxes between
        side = WIDE / 2 + 14
    return (f'<path d="M{x1:.0f},{y1:.0f} C{x1 + side:.0f},{y1 + bend:.0f} {x2 + side:.0f},{y2 - bend:.0f} {x2:.0f},{y2:.0f}" fill="none" '
            f'stroke="{EDGE}" marker-end="url(#a)"/>')


def _ranks(boxes: dict[int, Box], links: set[tuple[int, int]]) -> dict[int, int]:
    """The longest way to each box. Boxes that feed each other (a module left and entered again) keep the order in which they began."""
    before: dict[int, list[int]] = {}
    for a, z in links:
        if boxes[a].first < boxes[z].first:
            before.setdefault(z, []).append(a)
    rank: dict[int, int] = {}
    for b in sorted(boxes, key=lambda k: boxes[k].first):
        rank[b] = 1 + max((rank[a] for a in before.get(b, ())), default=-1)
    return rank


def _level(g: Structure) -> tuple[dict[int, Box], set[tuple[int, int]], list[int]]:
    """Boxes (module call -(row + 1), or op row), the links between them, and the box of every op."""
    roots = [i for i, p in enumerate(g.mod_parent) if p < 0]
    # a single root call, or a few with children of their own, are opened once
    opened = {r for r in roots if any(p == r for p in g.mod_parent)} if len(roots) <= 4 else set()

    def box_of(op: int) -> int:
        m, below = g.op_module[op], -1
        while m >= 0 and m not in opened:
            below, m = m, g.mod_parent[m]
        return -(below + 1) if below >= 0 else op

    owner = [box_of(i) for i in range(len(g.op_name))]
    boxes: dict[int, Box] = {}
    links: set[tuple[int, int]] = set()
    for i, b in enumerate(owner):
        shape = g.op_shape[i].replace("x", " × ") or "0-d"
        if b < 0:
            row = -b - 1
            begun = boxes[b].first if b in boxes else i
            boxes[b] = Box(g.mod_path[row] or g.mod_class[row], f"{g.mod_class[row]}  →  {shape}", begun, True, False)
        else:
            label = g.op_label[i]
            boxes[b] = Box(f"{label} = {g.op_name[i]}" if label and label != g.op_name[i] else g.op_name[i], shape, i, False, bool(g.op_flags[i] & NO_GRAD))
        links |= {(owner[a], b) for a in g.op_in[i] if a >= 0 and owner[a] != b}
    return boxes, links, owner
