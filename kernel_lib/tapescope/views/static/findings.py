"""Findings as cards."""

from __future__ import annotations

from typing import Any

from .svg import BACKWARD, FORWARD, LINE, MUTED, TROUBLE, document, number, rect, text

COLOURS = {"error": TROUBLE, "warning": BACKWARD, "info": FORWARD}


def findings_svg(findings: list[Any]) -> str:
    """One card each: title, cause, number beside threshold, line."""
    if not findings:
        return document(420, 46, [text(14, 28, "✓ No findings", weight=600, fill="#2a8a64", size=13)], "no findings")
    parts: list[str] = []
    for i, f in enumerate(findings[:12]):
        y = 10 + i * 84
        colour = COLOURS.get(f.severity, MUTED)
        parts += [rect(10, y, 620, 76, "#ffffff", stroke=LINE, radius=6), rect(10, y, 4, 76, colour),
                  text(24, y + 20, f"{f.severity}: {f.title}", weight=600, fill=colour, width=84), text(24, y + 38, f.cause, width=100, size=10.5)]
        value = "" if f.value is None else f"{_short(f.value)}" + ("" if f.threshold is None else f" (threshold {_short(f.threshold)})")
        where = "" if not f.source else f"{f.source[2] if len(f.source) > 2 and f.source[2] else f.source[0]}:{f.source[1]}"
        parts += [text(24, y + 54, f.fix, width=100, size=10.5, fill=MUTED), text(24, y + 69, value, size=10, fill=MUTED, width=60),
                  text(620, y + 69, where, size=10, fill=MUTED, anchor="end", width=60)]
    return document(640, 18 + min(len(findings), 12) * 84, parts, f"{len(findings)} findings")


def _short(v: Any) -> str:
    return number(float(v)) if isinstance(v, (int, float)) else str(v)[:30]
