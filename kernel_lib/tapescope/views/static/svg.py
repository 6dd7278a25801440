"""The little that the pictures share: escaping, text, a panel that is legible on light and dark pages."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import escape

INK, MUTED, LINE, PAPER = "#1f2430", "#667085", "#d5d9e2", "#fbfbfd"
FORWARD, BACKWARD, TROUBLE = "#2f6fde", "#c2571a", "#c0293b"
SERIES = ("#2f6fde", "#c2571a", "#2a8a64", "#8b4fc4", "#b8860b", "#3c8dad", "#b3446c", "#5f6b2d")


def number(v: float) -> str:
    """A number as short as it can be read."""
    if not math.isfinite(v):
        return "nan" if math.isnan(v) else "inf" if v > 0 else "-inf"
    return f"{v:.3g}"


def text(x: float, y: float, s: object, *, size: float = 11, fill: str = INK, anchor: str = "start", weight: int = 400, width: int | None = None) -> str:
    label = str(s)
    if width is not None and len(label) > width:
        label = label[:max(width - 1, 1)] + "…"
    # control characters are not XML
    label = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "·", label)
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}">{escape(label)}</text>')


def rect(x: float, y: float, w: float, h: float, fill: str, *, stroke: str = "none", radius: float = 0) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{radius}" fill="{fill}" stroke="{stroke}"/>'


def polyline(points: Iterable[tuple[float, float]], stroke: str, *, width: float = 1.5, opacity: float = 1) -> str:
    d = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{d}" fill="none" stroke="{stroke}" stroke-width="{width}" stroke-opacity="{opacity}" stroke-linejoin="round"/>'


def document(width: float, height: float, parts: Iterable[str], title: str) -> str:
    """A whole SVG on its own paper, with a title for those who listen."""
    body = "".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"><title>{escape(title)}</title>'
            f'{rect(0.5, 0.5, width - 1, height - 1, PAPER, stroke=LINE, radius=6)}{body}</svg>')


def empty(title: str, line: str) -> str:
    """What an empty view shows: the next line to type."""
    return document(560, 74, [text(16, 30, title, size=13, weight=600), text(16, 54, line, size=12, fill=MUTED)], title)


def size_of(svg: str) -> tuple[float, float]:
    found = re.search(r'width="(\d+)" height="(\d+)"', svg)
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


def stack(pictures: list[str], title: str, columns: int = 1, gap: float = 8) -> str:
    """Several pictures in one, in rows."""
    y, parts, total = gap, [], 0.0
    for i in range(0, len(pictures), columns):
        x, tallest = gap, 0.0
        for p in pictures[i:i + columns]:
            w, h = size_of(p)
            parts.append(p.replace("<svg ", f'<svg x="{x:.0f}" y="{y:.0f}" ', 1))
            x, tallest = x + w + gap, max(tallest, h)
        y, total = y + tallest + gap, max(total, x)
    return document(total, y, parts, title)
