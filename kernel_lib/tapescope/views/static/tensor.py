"""A tensor as a heat map with its numbers beneath."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from ...tape import Tape
from ..read import probed
from .raster import image, signed
from .svg import MUTED, TROUBLE, document, empty, html, number, text

SLICES = 64                        # of the leading dimensions, in rows
TILES = 160                        # along one side; more are strided over


def tensor_svg(array: Any, title: str = "") -> str:
    """The last two dimensions as a heat map, one beside the other for the leading ones; extremes and moments beneath."""
    a = np.asarray(array.get() if hasattr(array, "get") else array)
    v = (a.real if a.dtype.kind == "c" else a).astype(np.float64)
    head = title or f"{a.dtype} {' × '.join(map(str, a.shape)) or '0-d'}"
    if v.size == 0:
        return document(260, 52, [text(12, 22, head, weight=600, width=40), text(12, 40, "no elements", fill=MUTED)], head)
    flat = plane(v)
    finite = v[np.isfinite(v)]
    limit = float(np.abs(finite).max()) if finite.size else 0.0
    h, w = flat.shape
    cell = max(1.0, min(18.0, 420 / w, 220 / h))
    wide, high = w * cell, max(h * cell, 6)
    parts = [text(12, 20, head, weight=600, width=46), image(12, 30, wide, high, signed(flat, limit))]
    y = 30 + high
    if finite.size:
        y += 16
        facts = [f"min {number(float(finite.min()))}", f"max {number(float(finite.max()))}"]
        if finite.size > 1:
            facts += [f"mean {number(float(finite.mean()))}", f"std {number(float(finite.std()))}"]
        parts.append(text(12, y, "   ".join(facts), size=10.5, fill=MUTED))
    if v.size > finite.size:
        y += 16
        parts.append(text(12, y, f"{v.size - finite.size:,} of {v.size:,} not finite: {int(np.isnan(v).sum()):,} nan, {int(np.isinf(v).sum()):,} inf", size=10.5,
                          fill=TROUBLE, weight=600))
    return document(max(wide + 24, 300), y + 12, parts, head)


def plane(v: Any) -> Any:
    """A tensor of any rank as rows and columns, at most TILES each way."""
    if v.ndim < 2:
        flat = v.reshape(1, -1)
        if flat.size > 64:                                   # a long line folds
            width = int(np.ceil(np.sqrt(flat.size * 2)))
            flat = np.concatenate([flat[0], np.full(-flat.size % width, 0.0)]).reshape(-1, width)
    else:
        slices = v.reshape(-1, *v.shape[-2:])[:SLICES]
        n, h, w = slices.shape
        across = max(1, min(n, 80 // (w + 1)))
        framed = np.zeros((-(-n // across) * across, h + 1, w + 1))          # a gap of paper between them
        framed[:n, :h, :w] = slices
        flat = framed.reshape(-1, across, h + 1, w + 1).transpose(0, 2, 1, 3).reshape(-1, across * (w + 1))[:-1, :-1]
    return flat[::-(-flat.shape[0] // TILES), ::-(-flat.shape[1] // TILES)]


def probed_svg(tape: Tape, key: str = "") -> str:
    """The newest value of a probe."""
    f, a = probed(tape, key)
    if f is None:
        return empty(f"No value of {key} yet" if key else "No tensor chosen", f"tape.tensor({key or 'fc1'!r})   # then run a step")
    return tensor_svg(a, f"{f.meta['key']}  {f.meta['dtype']} {' × '.join(map(str, f.meta['shape'])) or '0-d'}  step {f.meta['step']}")


def tensor_html(printed: str, svg: str) -> str:
    """The printed tensor with its picture beneath."""
    return f"<pre>{escape(printed)}</pre>{html(svg, 'heat map of the tensor')}"
