"""The newest of what was logged beside numbers: pictures as they are, the beginnings of texts, the names of the rest."""

from __future__ import annotations

import base64
import textwrap
from typing import Any

from ...tape import Frame, Tape
from ..read import gather
from .svg import LINE, MUTED, document, empty, rect, text

W, H, GAP, ACROSS = 200, 170, 10, 3
MOST, BYTES = 12, 600_000        # cards, and bytes of pictures: the rest is in the live view


def newest_media(tape: Tape) -> list[Frame]:
    """The last entry of each kind and tag, in the order in which they were first logged; parts of a mesh are one."""
    last: dict[tuple[str, str], Frame] = {}
    for f in gather(tape, "media"):
        last[f.meta["kind"], f.meta["tag"]] = f
    return [f for (kind, _), f in last.items() if kind != "custom_scalars"]


def media_svg(tape: Tape) -> str:
    """One card each: tag, step, and what it is."""
    found = newest_media(tape)
    if not found:
        return empty("Nothing was logged beside numbers", 'writer.add_images("batch", x, step)')
    parts: list[str] = []
    left = BYTES
    for i, f in enumerate(found[:MOST]):
        x, y = GAP + (i % ACROSS) * (W + GAP), GAP + (i // ACROSS) * (H + GAP)
        m, data = f.meta, f.columns["bytes"].tobytes()
        parts += [rect(x, y, W, H, "#ffffff", stroke=LINE, radius=6), text(x + 9, y + 17, m["tag"], weight=600, width=22), text(x + W - 9, y + 17, f"step {m['step']}", size=10, fill=MUTED, anchor="end")]
        if str(m.get("mime", "")).startswith("image/") and len(data) <= left:
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


def _said(m: dict[str, Any], data: bytes) -> list[str]:
    if str(m.get("mime", "")).startswith(("text/", "application/json")):
        return [line for s in data.decode("utf-8", "replace").splitlines()[:12] for line in (textwrap.wrap(s, 33) or [""])][:8]
    shape = f" of shape {tuple(m['shape'])}" if "shape" in m else f", {len(data):,} bytes"
    return [f"{m['kind']}{shape}"]
