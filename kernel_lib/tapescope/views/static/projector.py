"""The first two axes of a projection."""

from __future__ import annotations

from typing import Any

import numpy as np

from .svg import MUTED, SERIES, document, empty, text

SIDE = 300


def projector_svg(frame: Any, key: str) -> str:
    """Points coloured by label, of the newest step; at most 2,000 are drawn."""
    if frame is None:
        return empty("No projection yet", f"tape.projector({key or 'fc1'!r})   # then run another step")
    xyz = np.asarray(frame.columns["xyz"], float).reshape(-1, 3)
    label = np.asarray(frame.columns["label"]) if "label" in frame.columns and len(frame.columns["label"]) else np.zeros(len(xyz), int)
    pick = np.linspace(0, len(xyz) - 1, min(len(xyz), 2000)).astype(int)
    low, high = xyz[:, :2].min(0), xyz[:, :2].max(0)
    scale = (SIDE - 24) / max(float((high - low).max()), 1e-12)
    at = (xyz[pick, :2] - (low + high) / 2) * scale + SIDE / 2
    parts = [text(12, 20, frame.meta.get("key", key), weight=600, width=40), text(SIDE + 12, 20, f"step {frame.meta['step']}", anchor="end", fill=MUTED)]
    for (x, y), c in zip(at, label[pick], strict=True):
        parts.append(f'<circle cx="{x + 12:.1f}" cy="{SIDE - y + 30:.1f}" r="2.4" fill="{SERIES[int(c) % len(SERIES)]}" fill-opacity="0.75"/>')
    known = [float(e) for e in frame.meta.get("explained", [])][:2]
    parts.append(text(12, SIDE + 46, f"{frame.meta['method']}, {frame.meta['n']} points" + (f", {sum(known):.0%} of the variance" if known else ""), size=10, fill=MUTED))
    return document(SIDE + 24, SIDE + 56, parts, f"projection of {key}")
