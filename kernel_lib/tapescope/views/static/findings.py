"""Findings as cards."""

from __future__ import annotations

import textwrap
from typing import Any

from ...tape import Tape
from .svg import BACKWARD, FORWARD, GOOD, LINE, MUTED, TROUBLE, document, number, rect, text

COLOURS = {"error": TROUBLE, "warning": BACKWARD, "info": FORWARD}
MARKS = {"error": "✕", "warning": "▲", "info": "i"}
WIDE, MOST, LINES = 640, 12, 104


def findings_svg(tape: Tape) -> str:
    """One card each, worst first: title, cause, number beside threshold, what to do, line."""
    from ... import diagnose

    found = list(diagnose.findings(tape))
    if not found:
        return document(300, 46, [text(14, 28, "✓ No findings", weight=600, fill=GOOD, size=13)], "no findings")
    parts: list[str] = []
    y = 10.0
    for f in found[:MOST]:
        lines = _card(f)
        height = 12 + 16 * len(lines)
        colour = COLOURS.get(f.severity, MUTED)
        parts += [rect(10, y, WIDE - 20, height, "#ffffff", stroke=LINE, radius=6), rect(10, y, 4, height, colour, radius=2)]
        for i, (s, style) in enumerate(lines):
            parts.append(text(26, y + 18 + 16 * i, s, **({"fill": colour} | style)))
        y += height + 8
    if len(found) > MOST:
        parts.append(text(14, y + 8, f"and {len(found) - MOST} more", size=10.5, fill=MUTED))
        y += 18
    return document(WIDE, y + 2, parts, f"{len(found)} finding{'s' * (len(found) != 1)}")


def _card(f: Any) -> list[tuple[str, dict[str, Any]]]:
    lines: list[tuple[str, dict[str, Any]]] = [(f"{MARKS.get(f.severity, '')} {f.title}", {"weight": 600, "width": 88})]
    for words, fill in ((f.cause, "#1f2430"), (f.fix, MUTED)):
        lines += [(s, {"size": 10.5, "fill": fill}) for s in textwrap.wrap(str(words), LINES)[:3]]
    facts = [f.rule]
    if f.value is not None:
        facts.append(f"{_short(f.value)}" + ("" if f.threshold is None else f" (threshold {_short(f.threshold)})"))
    if f.step is not None:
        facts.append(f"step {f.step}")
    if f.source:
        file, line, *cell = f.source
        facts.append(f"{cell[0] if cell and cell[0] else str(file).rpartition('/')[2]}, line {line}")
    return [*lines, ("  ·  ".join(facts), {"size": 10, "fill": MUTED, "width": 110})]


def _short(v: Any) -> str:
    return number(float(v)) if isinstance(v, (int, float)) else str(v)[:30]
