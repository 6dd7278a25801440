"""Heat maps of the distributions over steps."""

from __future__ import annotations

import numpy as np

from ...tape import Tape
from ..read import Row, histograms, on_axis
from .raster import image, shades
from .svg import MUTED, document, empty, number, text

W, H, GAP = 212, 96, 12
KINDS = ("weight", "grad", "update")


def chosen(found: dict[str, list[Row]], most: int) -> list[list[str | None]]:
    """Rows of three: a parameter with its gradient and its update, weights before biases; then activations."""
    names = list(dict.fromkeys(name for k in found for kind, _, name in [k.partition("/")] if kind in KINDS))
    names.sort(key=lambda n: not n.endswith("weight"))
    rows: list[list[str | None]] = [[key if (key := f"{kind}/{n}") in found else None for kind in KINDS] for n in names]
    others: list[str | None] = [k for k in found if k.partition("/")[0] not in KINDS]
    limit = max(most // 3, 1)
    if others and len(rows) >= limit > 1:
        rows = rows[:limit - 1]                              # room for some activations
    return (rows + [others[i:i + 3] for i in range(0, len(others), 3)])[:limit]


def histograms_svg(tape: Tape, most: int = 12) -> str:
    """Steps from left to right, values from bottom to top, the share of each step as darkness."""
    found = histograms(tape)
    if not found:
        return empty("No histograms yet", 'with ts.record(values="histogram") as tape: ...   # weights, gradients, updates, activations')
    rows = chosen(found, most)
    parts = []
    for j, keys in enumerate(rows):
        for i, key in enumerate(keys):
            if key is not None:
                parts += _tile(GAP + i * (W + GAP), GAP + j * (H + GAP + 18), key, found[key])
    shown = sum(k is not None for keys in rows for k in keys)
    height = GAP + len(rows) * (H + GAP + 18)
    if shown < len(found):
        parts.append(text(GAP, height + 2, f"and {len(found) - shown} more: {', '.join(k for k in found if not any(k in r for r in rows))}", size=10, fill=MUTED, width=100))
        height += 12
    return document(GAP + max(map(len, rows)) * (W + GAP), height, parts, f"distributions of {len(found)} tensors over steps")


def _tile(x: float, y: float, key: str, rows: list[Row]) -> list[str]:
    steps, axis, counts = on_axis(rows, most=W)
    share = counts / np.maximum(counts.max(1, keepdims=True), 1e-12)
    span = f"step {steps[0]}" if len(steps) == 1 else f"steps {steps[0]}–{steps[-1]}"
    return [text(x, y + 11, key.rstrip("/") if key != "activation/" else "activation (whole model)", weight=600, width=23), text(x + W, y + 11, span, size=9.5, fill=MUTED, anchor="end"),
            image(x, y + 17, W, H - 17, shades(share.T[::-1] ** 0.6)),
            text(x, y + H + 11, f"{number(float(axis[0]))} to {number(float(axis[-1]))}", size=9.5, fill=MUTED)]
