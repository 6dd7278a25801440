"""Runs in a notebook: a table, and a metric of several groups as lines with bands."""

from __future__ import annotations

import html as markup
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...tape.runs import Comparison, Runs, age, short
from .svg import INK, LINE, MUTED, document, number, polyline, text

W, H, LEFT, TOP = 640, 260, 52, 30
COLOURS = ("#2b67ad", "#9a5b00", "#1f8a70", "#7a52a8", "#5c7080", "#0c93b8", "#7d7a00", "#b0568f")


def runs_html(runs: Runs, most: int = 100) -> str:
    """A table: parameters that differ first, then what stayed the same, then metrics; text is text."""
    params, metrics = runs.columns()
    params, metrics = params[:10], metrics[:10]
    now = time.time()
    head = "".join(f"<th>{markup.escape(h)}</th>" for h in ("run", "state", "steps", "age", *params, *metrics))
    rows = []
    for r in runs.list[:most]:
        cells = [r.name, r.error or r.state, f"{r.step:,}", age(now - r.began) if r.began else "", *(short(r.params.get(k)) for k in params),
                 *(short(r.metrics[k].last) if k in r.metrics else "" for k in metrics)]
        rows.append("<tr>" + "".join(f"<td>{markup.escape(c)}</td>" for c in cells) + "</tr>")
    more = f"<p>and {len(runs) - most} more</p>" if len(runs) > most else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"


def runs_svg(runs: Runs, group: Sequence[str] = (), most: int = 24) -> str:
    """The same table as a picture, groups of equal parameters one under the other."""
    params, metrics = runs.columns()
    params, metrics = params[:8], metrics[:6]
    head = ["run", "steps", *params, *metrics]
    groups = runs.group(*group) if group else {(): runs}
    lines: list[list[str]] = []
    for key, members in groups.items():
        if group:
            lines.append([f"{', '.join(f'{n} = {short(v)}' for n, v in zip(group, key, strict=True))}: {len(members)} run{'s' * (len(members) != 1)}"])
        lines += [[r.name, r.error or f"{r.step:,}", *(short(r.params.get(k)) for k in params), *(short(r.metrics[k].last) if k in r.metrics else "" for k in metrics)] for r in members]
    shown = lines[:most]
    wide = [min(max(len(row[i]) for row in [head, *shown] if len(row) > 1), 26) for i in range(len(head))]
    ends = np.cumsum([7.2 * w + 16 for w in wide]) + 12
    parts, y = [], 24.0
    for n, row in enumerate([head, *shown]):
        if len(row) == 1:
            parts.append(text(14, y, row[0], weight=600, size=11))
        for i, cell in enumerate(row if len(row) > 1 else ()):
            style: dict[str, Any] = {"weight": 600, "fill": MUTED} if n == 0 else {}
            x = 14 if i == 0 else float(ends[i]) - 8
            parts.append(text(x, y, cell, size=11, anchor="start" if i == 0 else "end", width=26, **style))
        if n == 0:
            parts.append(polyline([(10, y + 6), (float(ends[-1]), y + 6)], LINE, width=1))
        y += 19
    if len(lines) > most:
        parts.append(text(14, y, f"and {len(lines) - most} more", size=10.5, fill=MUTED))
        y += 17
    return document(float(ends[-1]) + 8, y, parts, f"{len(runs)} runs")


def comparison_svg(c: Comparison) -> str:
    """Lines of means, bands from the least to the greatest run; the name and last value of each beside."""
    finite = [b for b in c.bands if len(b.steps)]
    x0, x1 = min(float(b.steps[0]) for b in finite), max(float(b.steps[-1]) for b in finite)
    y0, y1 = min(float(b.low.min()) for b in finite), max(float(b.high.max()) for b in finite)
    y0, y1 = (y0 - 0.5, y1 + 0.5) if y0 == y1 else (y0, y1)
    right, bottom = LEFT + W, TOP + H

    def at(steps: Any, values: Any) -> list[tuple[float, float]]:
        x = LEFT + (np.asarray(steps) - x0) / max(x1 - x0, 1e-9) * W
        y = bottom - (np.asarray(values) - y0) / (y1 - y0) * H
        return list(zip(x.tolist(), y.tolist(), strict=True))

    parts = [text(LEFT, 16, c.tag, weight=600, fill=INK), polyline([(LEFT, bottom), (right, bottom)], LINE, width=1), polyline([(LEFT, TOP), (LEFT, bottom)], LINE, width=1)]
    for y, v in ((bottom, y0), (TOP + 8, y1)):
        parts.append(text(LEFT - 6, y, number(v), size=9.5, fill=MUTED, anchor="end"))
    for x, v, anchor in ((LEFT, x0, "start"), (right, x1, "end")):
        parts.append(text(x, bottom + 14, f"step {int(v)}", size=9.5, fill=MUTED, anchor=anchor))
    for i, b in enumerate(finite):
        colour = COLOURS[i % len(COLOURS)]
        if int(b.n.max()) > 1:
            outline = at(b.steps, b.high) + at(b.steps, b.low)[::-1]
            parts.append(f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in outline)}" fill="{colour}" fill-opacity="0.16"/>')
        parts.append(polyline(at(b.steps, b.mean), colour))
    rows = finite[:14]
    for i, b in enumerate(rows):
        y = TOP + 10 + i * 18
        colour = COLOURS[i % len(COLOURS)]
        parts += [polyline([(right + 14, y - 4), (right + 30, y - 4)], colour), text(right + 36, y, b.name, size=10.5, width=26, fill=INK),
                  text(right + 300, y, f"{number(float(b.mean[-1]))} of {int(b.n.max())}", size=10.5, fill=MUTED, anchor="end")]
    if len(finite) > len(rows):
        parts.append(text(right + 36, TOP + 10 + len(rows) * 18, f"and {len(finite) - len(rows)} more", size=10, fill=MUTED))
    return document(right + 310, bottom + 22, parts, f"{c.tag} of {len(finite)} groups of runs")
