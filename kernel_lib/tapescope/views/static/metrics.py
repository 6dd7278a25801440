"""Small multiples of the scalars."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tape import Tape
from ..read import scalars
from .svg import FORWARD, INK, LINE, MUTED, TROUBLE, document, empty, number, polyline, text

W, H, GAP, POINTS = 212, 112, 12, 150
FIRST = ("loss", "accuracy", "acc", "grad_norm", "lr", "step_time")
UNITS = {"step_time": " ms"}


def in_order(tags: list[str]) -> list[str]:
    """What matters most first; one entry a parameter comes last."""
    def rank(tag: str) -> tuple[bool, int, str]:
        each = tag.startswith(("grad_norm/", "update_ratio/"))
        return each, next((i for i, f in enumerate(FIRST) if tag == f or tag.startswith(f + "/")), len(FIRST)), tag

    return sorted(tags, key=rank)


def metrics_svg(tape: Tape, most: int = 9) -> str:
    """One chart per tag: the newest value beside the name, the range beneath; values that are not finite as marks at the top."""
    found = scalars(tape)
    if not found:
        return empty("No metrics yet", 'with ts.record() as tape: ... loss.backward(); opt.step(); tape.log_scalar("accuracy", acc)')
    each = [t for t in found if t.startswith(("grad_norm/", "update_ratio/"))]
    names = in_order([t for t in found if t not in each] or each)[:most]
    parts: list[str] = []
    for i, tag in enumerate(names):
        parts += _chart(GAP + (i % 3) * (W + GAP), GAP + (i // 3) * (H + GAP), tag, *found[tag])
    height = GAP + -(-len(names) // 3) * (H + GAP)
    if len(names) < len(found):
        parts.append(text(GAP, height + 2, f"and {len(found) - len(names)} more", size=10, fill=MUTED))
        height += 12
    return document(GAP + min(3, len(names)) * (W + GAP), height, parts, "metrics: " + ", ".join(names))


def _chart(x: float, y: float, tag: str, steps: Any, values: Any) -> list[str]:
    top, bottom, left, right = y + 24, y + H - 16, x + 2, x + W - 2
    last = float(values[-1])
    parts = [text(x + 2, y + 13, tag, weight=600, width=20, fill=INK),
             text(x + W - 2, y + 13, number(last) + UNITS.get(tag, ""), anchor="end", fill=FORWARD if np.isfinite(last) else TROUBLE, weight=600),
             polyline([(left, bottom), (right, bottom)], LINE, width=1)]
    s = np.asarray(steps, float)
    sx = (right - left) / max(float(s.max() - s.min()), 1.0)
    finite = np.isfinite(values)
    if finite.any():
        at, v = thinned(s[finite], np.asarray(values)[finite])
        low, high = float(v.min()), float(v.max())
        sy = (bottom - top) / (high - low) if high > low else 0.0
        points = [(left + (a - s.min()) * sx, bottom - (b - low) * sy if sy else (top + bottom) / 2) for a, b in zip(at, v, strict=True)]
        parts.append(polyline(points, FORWARD) if len(points) > 1 else f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2.5" fill="{FORWARD}"/>')
        parts.append(text(left, y + H - 3, number(low) if low == high else f"{number(low)} to {number(high)}", size=9.5, fill=MUTED))
    for a in s[~finite][:60]:
        parts.append(f'<path d="M{left + (a - s.min()) * sx - 3:.1f},{top} l6,6 m0,-6 l-6,6" stroke="{TROUBLE}" stroke-width="1.4"/>')
    return [*parts, text(right, y + H - 3, f"step {int(steps[-1])}", size=9.5, fill=MUTED, anchor="end")]


def thinned(at: Any, v: Any) -> tuple[Any, Any]:
    """The extremes of every stretch of a long series: no spike is lost."""
    if len(v) <= 2 * POINTS:
        return at, v
    keep = {0, len(v) - 1}
    for c in np.array_split(np.arange(len(v)), POINTS):
        keep |= {int(c[v[c].argmin()]), int(c[v[c].argmax()])}
    rows = sorted(keep)
    return at[rows], v[rows]
