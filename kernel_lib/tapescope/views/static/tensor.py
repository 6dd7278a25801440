"""A tensor as numbers or as a heat map."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

import numpy as np

from .histograms import image
from .svg import MUTED, TROUBLE, document, number, text

NEGATIVE, ZERO, POSITIVE = np.array([194, 87, 26.0]), np.array([251, 251, 253.0]), np.array([47, 111, 222.0])


def signed(v: Any, limit: float) -> Any:
    """Diverging colours centred on 0; non-finite values in the colour of trouble."""
    t = np.clip(np.nan_to_num(v, nan=0, posinf=0, neginf=0) / (limit or 1), -1, 1)[..., None]
    rgb = np.where(t >= 0, ZERO + (POSITIVE - ZERO) * t, ZERO + (NEGATIVE - ZERO) * -t)
    rgb[~np.isfinite(v)] = (192, 41, 59)
    return rgb.astype(np.uint8)


def tensor_svg(a: Any, title: str = "") -> str:
    """The last two dimensions as a heat map, the others side by side; statistics beneath."""
    a = np.asarray(a if isinstance(a, (np.ndarray, np.generic)) else a.get())
    v = np.real(a).astype(np.float64)
    head = title or f"{a.dtype}{list(a.shape)}"
    if v.size == 0:
        return document(260, 52, [text(12, 22, head, weight=600), text(12, 40, "empty", fill=MUTED)], head)
    flat = v.reshape(1, 1) if v.ndim == 0 else v.reshape(1, -1) if v.ndim == 1 else v.reshape(-1, *v.shape[-2:])
    if flat.ndim == 3:
        flat = np.concatenate([np.pad(s, ((0, 0), (0, 1)), constant_values=0) for s in flat[:16]], 1)[:, :-1]
    for axis in (0, 1):
        step = -(-flat.shape[axis] // 160)
        flat = flat[::step] if axis == 0 else flat[:, ::step]
    finite = v[np.isfinite(v)]
    limit = float(np.abs(finite).max()) if finite.size else 0.0
    h, w = flat.shape
    cell = max(1.0, min(18.0, 420 / w, 220 / h))
    width = max(w * cell + 24, 300)
    parts = [text(12, 20, head, weight=600, width=44), image(12, 30, w * cell, max(h * cell, 6), signed(flat, limit))]
    bottom = 30 + max(h * cell, 6) + 16
    if finite.size:
        parts.append(text(12, bottom, f"min {number(float(finite.min()))}   max {number(float(finite.max()))}   mean {number(float(finite.mean()))}   "
                                      f"std {number(float(finite.std()))}", size=10, fill=MUTED))
    bad = v.size - finite.size
    if bad:
        bottom += 15
        parts.append(text(12, bottom, f"{bad} non-finite of {v.size}", size=10, fill=TROUBLE, weight=600))
    return document(width, bottom + 10, parts, head)


def tensor_html(text: str, svg: str) -> str:
    """The printed tensor with its picture beneath; plain elements that every sanitiser lets through."""
    address = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return f'<pre>{escape(text)}</pre><img alt="heat map of the tensor" src="{address}">'
