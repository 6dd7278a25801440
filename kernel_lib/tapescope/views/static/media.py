"""The newest of what was logged beside numbers: pictures as they are, the beginnings of texts, the names of the rest."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...tape import Frame, Tape
from ..read import gather, probed
from .raster import image, signed
from .svg import LINE, MUTED, document, empty, rect, text
from .tensor import plane

W, H, GAP, ACROSS = 200, 170, 10, 3
MOST, BYTES = 12, 600_000        # cards, and bytes of pictures: the rest is in the live view


def newest_media(tape: Tape) -> list[Frame]:
    """The last entry of each kind and tag, in the order in which they were first logged; parts of a mesh are one."""
    last: dict[tuple[str, str], Frame] = {}
    for f in gather(tape, "media"):
        last[f.meta["kind"], f.meta["tag"]] = f
    return [f for (kind, _), f in last.items() if kind != "custom_scalars"]


def media_svg(tape: Tape, keys: Sequence[str] = ()) -> str:
    """One card each: tag, step, and what it is; of the tensors `keys` their newest value as tiles."""
    found = [f for f in (probed(tape, key)[0] for key in keys) if f is not None] + newest_media(tape)
    if not found:
        return empty("Nothing was logged beside numbers", 'writer.add_images("batch", x, step)')
    parts: list[str] = []
    left = BYTES
    for i, f in enumerate(found[:MOST]):
        x, y = GAP + (i % ACROSS) * (W + GAP), GAP + (i // ACROSS) * (H + GAP)
        m, data = f.meta, f.columns["bytes"].tobytes() if "bytes" in f.columns else b""
        parts += [rect(x, y, W, H, "#ffffff", stroke=LINE, radius=6), text(x + 9, y + 17, m.get("tag") or m["key"], weight=600, width=22), text(x + W - 9, y + 17, f"step {m['step']}", size=10, fill=MUTED, anchor="end")]
        if f.kind == "tensor":
            parts.append(_tiles(f, x + 8, y + 26, W - 16, H - 34))
        elif str(m.get("mime", "")).startswith("image/") and len(data) <= left:
            left -= len(data)
            parts.append(f'<image x="{x + 8}" y="{y + 26}" width="{W - 16}" height="{H - 34}" style="image-rendering:{"pixelated" if m.get("width", 999) <= 96 else "auto"}" '
                         f'href="data:{m["mime"]};base64,{base64.b64encode(data).decode("ascii")}"/>')
        else:
            parts += [text(x + 9, y + 40 + 14 * k, line, size=10.5, fill=MUTED) for k, line in enumerate(_said(m, data))]
    rows = -(-min(len(found), MOST) // ACROSS)
    height = GAP + rows * (H + GAP)
    if len(found) > MOST:
        parts.append(text(GAP, height + 8, f"and {len(found) - MOST} more", size=10.5, fill=MUTED))
        height += 18
    return document(GAP + min(ACROSS, len(found)) * (W + GAP), height, parts, f"media of {tape.name}: {len(found)}")


def _tiles(f: Frame, x: float, y: float, width: float, height: float) -> str:
    """A tensor's pictures, of the first sample where there are many, in a frame of this size."""
    v = np.asarray(f.columns["values"], float).reshape(-1)
    shape = tuple(f.meta.get("part", f.meta["shape"]))
    v = v.reshape(shape) if v.size == int(np.prod(shape)) else v
    if v.ndim == 4 and not f.meta["key"].startswith(("weight/", "input/")):
        v = v[0]
    rows = plane(v)
    finite = v[np.isfinite(v)]
    k = min(width / rows.shape[1], height / rows.shape[0])
    w, h = rows.shape[1] * k, rows.shape[0] * k
    return image(x + (width - w) / 2, y + (height - h) / 2, w, h, signed(rows, float(np.abs(finite).max()) if finite.size else 0.0))


def _said(m: dict[str, Any], data: bytes) -> list[str]:
    if str(m.get("mime", "")).startswith(("text/", "application/json")):
        return [line for s in data.decode("utf-8", "replace").splitlines()[:12] for line in (textwrap.wrap(s, 33) or [""])][:8]
    shape = f" of shape {tuple(m['shape'])}" if "shape" in m else f", {len(data):,} bytes"
    return [f"{m['kind']}{shape}"]
