"""A tape's frames gathered into plain Python, for pictures and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..tape import Tape


def gather(tape: Tape, kind: str, **options: Any) -> list[Any]:
    """All frames of a kind."""
    found, cursor = [], None
    while True:
        frames, cursor = tape.frames(kind, cursor, **options)
        if not frames:
            return found
        found.extend(frames)


def scalars(tape: Tape) -> dict[str, tuple[Any, Any]]:
    """tag -> (steps, values)."""
    parts: dict[str, list[tuple[Any, Any]]] = {}
    for f in gather(tape, "scalars"):
        tags = np.asarray(f.columns["tag"])
        for tag in np.unique(tags):
            rows = tags == tag
            parts.setdefault(tape.strings[int(tag)], []).append((f.columns["step"][rows], f.columns["value"][rows]))
    return {t: (np.concatenate([s for s, _ in p]), np.concatenate([v for _, v in p])) for t, p in parts.items()}


def edges() -> Any:
    """The 2,049 edges of the value-ordered bins."""
    k = np.arange(1021, dtype=np.uint32) << np.uint32(21)
    up = k.view(np.float32).astype(np.float64)
    return up


def histograms(tape: Tape) -> dict[str, list[tuple[int, Any]]]:
    """key -> [(step, counts of the 2,048 bins)], oldest first."""
    found: dict[str, list[tuple[int, Any]]] = {}
    for f in gather(tape, "histograms"):
        c = f.columns
        start = 0
        for key, step, first, length in zip(c["key"], c["step"], c["first"], c["length"], strict=True):
            row = np.zeros(2048, np.int64)
            row[int(first):int(first) + int(length)] = c["count"][start:start + int(length)]
            start += int(length)
            found.setdefault(tape.strings[int(key)], []).append((int(step), row))
    return found


def on_axis(rows: list[tuple[int, Any]], bins: int = 40) -> tuple[Any, Any]:
    """(edges, counts [rows, bins]): the float bins spread over equal stretches of a linear axis that holds 99.8 % of all values."""
    up = edges()
    lows = np.concatenate([-up[::-1][:-1], up[:-1]])                    # bins 1024-1020 .. 1024+1019
    highs = np.concatenate([-up[::-1][1:], up[1:]])
    total = np.sum([r for _, r in rows], 0)[4:2044].astype(float)
    share = np.cumsum(total) / max(total.sum(), 1)
    low = float(lows[int(np.searchsorted(share, 0.001))])
    high = float(highs[min(int(np.searchsorted(share, 0.999)), len(highs) - 1)])
    if not high > low:
        low, high = low - 0.5, high + 0.5
    axis = np.linspace(low, high, bins + 1)
    centres = (lows + highs) / 2
    width = np.maximum(highs - lows, 1e-30)
    out = np.zeros((len(rows), bins))
    for i, (_, r) in enumerate(rows):
        counts = r[4:2044]
        for j in np.flatnonzero(counts):
            a, b = np.searchsorted(axis, [lows[j], highs[j]])
            if a == b:
                out[i, min(max(a - 1, 0), bins - 1)] += counts[j]
                continue
            cuts = np.clip(axis, lows[j], highs[j])
            out[i] += counts[j] * np.diff(cuts) / width[j]
    del centres
    return axis, out


@dataclass
class Structure:
    """One graph as lists of text and numbers."""

    number: int = -1
    op_name: list[str] = field(default_factory=list)
    op_module: list[int] = field(default_factory=list)
    op_shape: list[str] = field(default_factory=list)
    op_in: list[list[int]] = field(default_factory=list)
    src_name: list[str] = field(default_factory=list)
    src_kind: list[int] = field(default_factory=list)
    src_shape: list[str] = field(default_factory=list)
    mod_path: list[str] = field(default_factory=list)
    mod_class: list[str] = field(default_factory=list)
    mod_parent: list[int] = field(default_factory=list)
    node_name: list[str] = field(default_factory=list)
    node_src: list[int] = field(default_factory=list)


def structure(tape: Tape) -> Structure | None:
    """The current graph of a tape (the last one that was)."""
    graphs: dict[int, Structure] = {}
    current = -1
    for f in gather(tape, "graph"):
        number = f.meta["graph"]
        g = graphs.setdefault(number, Structure(number))
        if f.meta.get("current", True):
            current = number
        c, text = f.columns, tape.strings
        for name in ("op_name", "op_shape", "src_name", "src_shape", "mod_path", "mod_class", "node_name"):
            getattr(g, name).extend(text[int(i)] for i in c.get(name, ()))
        for name in ("op_module", "src_kind", "mod_parent", "node_src"):
            getattr(g, name).extend(int(i) for i in c.get(name, ()))
        start = 0
        for n in c.get("op_inputs", ()):
            g.op_in.append([int(i) for i in c["op_in"][start:start + int(n)]])
            start += int(n)
    if not graphs:
        return None
    return graphs.get(current) or max(graphs.values(), key=lambda g: len(g.op_name))
