"""The little that the pictures share: escaping, text, and a sheet of paper that is legible on light and dark pages."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable
from html import escape

INK, MUTED, LINE, PAPER = "#1f2430", "#5d6678", "#d5d9e2", "#fbfbfd"
FORWARD, BACKWARD, TROUBLE, GOOD = "#2f6fde", "#c2571a", "#c0293b", "#2a8a64"
SANS, MONO = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif", "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
SERIES = ("#2f6fde", "#c2571a", "#2a8a64", "#8b4fc4", "#a87b00", "#3c8dad", "#b3446c", "#5f6b2d", "#7a6a5a", "#1f2430")


def number(v: float) -> str:
    """A number as short as it can be read."""
    if not math.isfinite(v):
        return "nan" if math.isnan(v) else "inf" if v > 0 else "-inf"
    return f"{v:.3g}"


def short(label: str, width: int) -> str:
    return label if len(label) <= width else label[:max(width - 1, 1)] + "…"


def clean(label: object) -> str:
    """Text as XML can hold it: escaped, and without the control characters and lone surrogates that no XML may contain."""
    return escape(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "·", str(label)))


def text(x: float, y: float, s: object, *, size: float = 11, fill: str = INK, anchor: str = "start", weight: int = 400, width: int | None = None) -> str:
    """A line of text, cut to `width` characters."""
    label = clean(s if width is None else short(str(s), width))
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    side = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}"{side}{bold}>{label}</text>'


def rect(x: float, y: float, w: float, h: float, fill: str, *, stroke: str = "none", radius: float = 0) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{radius:g}" fill="{fill}" stroke="{stroke}"/>'


def polyline(points: Iterable[tuple[float, float]], stroke: str, *, width: float = 1.5) -> str:
    d = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{d}" fill="none" stroke="{stroke}" stroke-width="{width:g}" stroke-linejoin="round"/>'


def document(width: float, height: float, parts: Iterable[str], title: str) -> str:
    """A whole SVG on its own paper, with a title for those who listen."""
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'font-family="{SANS}"><title>{clean(title)}</title>'
            f'{rect(0.5, 0.5, width - 1, height - 1, PAPER, stroke=LINE, radius=6)}{"".join(parts)}</svg>')


def empty(title: str, line: str) -> str:
    """What an empty view shows: the next line to type."""
    return document(max(300, 40 + 7.4 * len(line)), 68, [text(16, 28, title, size=13, weight=600),
                                                         f'<g font-family="{MONO}">{text(16, 50, line, size=12, fill=MUTED)}</g>'], title)


def size_of(svg: str) -> tuple[float, float]:
    found = re.search(r'width="(\d+)" height="(\d+)"', svg)
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


def columns(stacks: list[list[str]], title: str, gap: float = 8) -> str:
    """Several pictures in one: stacks from top to bottom, side by side."""
    x, tallest = gap, 0.0
    parts: list[str] = []
    for pictures in stacks:
        y, widest = gap, 0.0
        for p in pictures:
            w, h = size_of(p)
            parts.append(p.replace("<svg ", f'<svg x="{x:.0f}" y="{y:.0f}" ', 1))
            y, widest = y + h + gap, max(widest, w)
        x, tallest = x + widest + gap, max(tallest, y)
    return document(x, tallest, parts, title)


def html(svg: str, alt: str) -> str:
    """The picture as an element that sanitisers of untrusted notebooks let through; inline SVG they do not."""
    address = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return f'<img alt="{clean(alt)}" src="{address}">'
