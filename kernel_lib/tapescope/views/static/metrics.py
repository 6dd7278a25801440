"""Small multiples of the scalars."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tape import Tape
from ..read import scalars
from .svg import FORWARD, LINE, MUTED, document, empty, number, polyline, text

W, H, GAP = 212, 112, 12


def _order(tag: str) -> tuple[int, str]:
    first = ("loss", "accuracy", "acc", "grad_norm", "lr", "step_time")
    return (next((i for i, f in enumerate(first) if tag == f or tag.startswith(f + "/")), len(first)), tag)


def metrics_svg(tape: Tape, tags: list[str] | None = None, most: int = 9) -> str:
    """One chart per tag: the newest value beside the name, the range at the axis."""
    found = scalars(tape)
    names = [t for t in (tags or sorted(found, key=_order)) if t in found and (tags or not t.startswith(("grad_norm/", "update_ratio/")))][:most]
    if not names:
        return empty("No metrics yet", "with ts.record() as tape: ... loss.backward(); opt.step(); tape.log_scalar('accuracy', acc)")
    parts = []
    for i, tag in enumerate(names):
        x, y = GAP + (i % 3) * (W + GAP), GAP + (i // 3) * (H + GAP)
        parts += _chart(x, y, tag, *found[tag])
    rows = -(-len(names) // 3)
    return document(GAP + min(3, len(names)) * (W + GAP), GAP + rows * (H + GAP), parts, "metrics: " + ", ".join(names))


def _chart(x: float, y: float, tag: str, steps: Any, values: Any) -> list[str]:
    top, bottom, left, right = y + 24, y + H - 16, x + 4, x + W - 4
    finite = np.isfinite(values)
    parts = [text(x + 4, y + 13, tag, weight=600, width=22), text(x + W - 4, y + 13, number(float(values[-1])), anchor="end", fill=FORWARD)]
    parts.append(polyline([(left, bottom), (right, bottom)], LINE, width=1))
    if finite.any():
        s, v = steps[finite].astype(float), values[finite]
        low, high = float(v.min()), float(v.max())
        if len(s) > 300:                                   # the extremes of every stretch: no spike is lost
            cut = np.array_split(np.arange(len(s)), 150)
            keep = sorted({int(c[k]) for c in cut for k in (v[c].argmin(), v[c].argmax())})
            s, v = s[keep], v[keep]
        sx = (right - left) / max(s[-1] - s[0], 1)
        sy = (bottom - top) / (high - low) if high > low else 0
        parts.append(polyline([(left + (a - s[0]) * sx, bottom - (b - low) * sy if sy else (top + bottom) / 2) for a, b in zip(s, v, strict=True)], FORWARD))
        parts.append(text(left, y + H - 3, f"{number(low)} to {number(high)}", size=9, fill=MUTED))
        parts.append(text(right, y + H - 3, f"step {int(steps[-1])}", size=9, fill=MUTED, anchor="end"))
    return parts
