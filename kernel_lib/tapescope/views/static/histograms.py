"""Heat maps of the distributions over steps."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

from ...tape import Tape
from ..read import histograms, on_axis
from .svg import MUTED, document, empty, number, text

W, H, GAP = 212, 96, 12
# One hue from paper to ink: lightness carries the value, on print and for every eye.
RAMP = np.array([[251, 251, 253], [205, 219, 247], [137, 173, 238], [47, 111, 222], [22, 52, 112]], float)


def colours(v: Any) -> Any:
    """Values in 0..1 as RGB bytes."""
    t = np.clip(v, 0, 1) * (len(RAMP) - 1)
    i = np.minimum(t.astype(int), len(RAMP) - 2)
    return (RAMP[i] + (RAMP[i + 1] - RAMP[i]) * (t - i)[..., None]).astype(np.uint8)


def png(rgb: Any) -> str:
    """An array [h, w, 3] as a data address."""
    h, w, _ = rgb.shape
    raw = b"".join(b"\0" + rgb[y].tobytes() for y in range(h))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def image(x: float, y: float, w: float, h: float, rgb: Any) -> str:
    return f'<image x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" preserveAspectRatio="none" style="image-rendering:pixelated" href="{png(rgb)}"/>'


def histograms_svg(tape: Tape, most: int = 12) -> str:
    """Steps from left to right, values from bottom to top, the share of each step as darkness."""
    found = histograms(tape)
    if not found:
        return empty("No histograms yet", "with ts.record() as tape: ...   # weights, gradients and updates are taken by themselves")
    keys = sorted(found, key=lambda k: (k.partition("/")[2], ("weight", "grad", "update", "activation").index(k.partition("/")[0])
                                        if k.partition("/")[0] in ("weight", "grad", "update", "activation") else 9))[:most]
    parts = []
    for i, key in enumerate(keys):
        x, y = GAP + (i % 3) * (W + GAP), GAP + (i // 3) * (H + GAP + 18)
        rows = found[key][-W:]
        axis, counts = on_axis(rows)
        share = counts / np.maximum(counts.max(1, keepdims=True), 1)
        parts.append(text(x, y + 11, key, weight=600, width=24))
        parts.append(text(x + W, y + 11, f"steps {rows[0][0]}–{rows[-1][0]}", size=9, fill=MUTED, anchor="end"))
        parts.append(image(x, y + 17, W, H - 17, colours(share.T[::-1] ** 0.6)))
        parts.append(text(x, y + H + 10, f"{number(float(axis[0]))} to {number(float(axis[-1]))}", size=9, fill=MUTED))
    rows_n = -(-len(keys) // 3)
    return document(GAP + min(3, len(keys)) * (W + GAP), GAP + rows_n * (H + GAP + 18), parts, "distributions over steps: " + ", ".join(keys))
