"""Arrays as images inside a picture: colours, and a PNG writer of ten lines."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

# One hue from paper to ink: lightness carries the value, in print and for every eye.
RAMP = np.array([[251, 251, 253], [205, 219, 247], [137, 173, 238], [47, 111, 222], [22, 52, 112]], float)
NEGATIVE, ZERO, POSITIVE, BAD = (np.array(c, float) for c in ((194, 87, 26), (251, 251, 253), (47, 111, 222), (192, 41, 59)))


def shades(v: Any) -> Any:
    """Values in 0..1 as colours [..., 3]."""
    t = np.clip(v, 0, 1) * (len(RAMP) - 1)
    i = np.minimum(t.astype(int), len(RAMP) - 2)
    return (RAMP[i] + (RAMP[i + 1] - RAMP[i]) * (t - i)[..., None]).astype(np.uint8)


def signed(v: Any, limit: float) -> Any:
    """Values in -limit..limit as colours of two hues that meet in paper at 0; what is not finite in the colour of trouble."""
    finite = np.isfinite(v)
    t = np.clip(np.where(finite, v, 0) / (limit or 1), -1, 1)[..., None]
    rgb = np.where(t >= 0, ZERO + (POSITIVE - ZERO) * t, ZERO + (NEGATIVE - ZERO) * -t)
    rgb[~finite] = BAD
    return rgb.astype(np.uint8)


def png(rgb: Any) -> str:
    """Colours [h, w, 3] as a data address."""
    h, w, _ = rgb.shape
    lines = np.zeros((h, 1 + 3 * w), np.uint8)               # every line begins with filter type 0
    lines[:, 1:] = rgb.reshape(h, 3 * w)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


def image(x: float, y: float, w: float, h: float, rgb: Any) -> str:
    """Colours [rows, columns, 3] as crisp tiles."""
    return (f'<image x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" preserveAspectRatio="none" style="image-rendering:pixelated" '
            f'href="{png(rgb)}"/>')
