"""The first two axes of a projection."""

from __future__ import annotations

import numpy as np

from ...tape import Tape
from ..read import projection
from .svg import MUTED, SERIES, document, empty, text

SIDE, MOST = 320, 1500


def projector_svg(tape: Tape, key: str = "") -> str:
    """Points coloured by label, of the newest full step; at most 1,500 are drawn."""
    frame = projection(tape, key)
    if frame is None:
        return empty(f"No projection of {key} yet" if key else "No layer chosen", f"tape.projector({key or 'fc1'!r})   # then run a step")
    xyz = np.asarray(frame.columns["xyz"], float).reshape(-1, 3)
    label = np.asarray(frame.columns.get("label", ()), int)
    label = label if len(label) == len(xyz) else np.full(len(xyz), -1)
    pick = np.linspace(0, len(xyz) - 1, min(len(xyz), MOST)).astype(int)
    low, high = xyz[:, :2].min(0), xyz[:, :2].max(0)
    scale = (SIDE - 16) / max(float((high - low).max()), 1e-12)
    at = (xyz[pick, :2] - (low + high) / 2) * scale + SIDE / 2
    radius = 3.2 if len(pick) < 200 else 2.2
    known = sorted({int(c) for c in label if c >= 0})
    names = frame.meta.get("names", {})
    wide = SIDE + 24 + (46 if known else 0)
    parts = [text(12, 20, frame.meta.get("key", key), weight=600, width=34), text(wide - 12, 20, f"step {frame.meta['step']}", anchor="end", fill=MUTED)]
    for (x, y), c in zip(at, label[pick], strict=True):
        parts.append(f'<circle cx="{x + 12:.1f}" cy="{SIDE - y + 30:.1f}" r="{radius}" fill="{SERIES[int(c) % len(SERIES)] if c >= 0 else SERIES[0]}" fill-opacity="0.75"/>')
    for i, c in enumerate(known[:16]):
        parts += [f'<circle cx="{SIDE + 28}" cy="{44 + i * 17}" r="4" fill="{SERIES[c % len(SERIES)]}"/>', text(SIDE + 38, 48 + i * 17, names.get(str(c), c), size=10.5, width=6)]
    explained = [float(e) for e in frame.meta.get("explained", [])][:2]
    share = f", {sum(explained):.0%} of the variance in these two axes" if explained else ""
    parts.append(text(12, SIDE + 48, f"{frame.meta.get('method', '')}, {len(xyz):,} points{share}", size=10.5, fill=MUTED))
    return document(wide, SIDE + 60, parts, f"projection of {frame.meta.get('key', key)}")
