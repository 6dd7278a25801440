"""A tape's frames gathered into plain Python, for pictures and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..tape import Frame, Tape


def gather(tape: Tape, kind: str, **options: Any) -> list[Frame]:
    """All frames of a kind."""
    found: list[Frame] = []
    cursor = None
    while True:
        frames, cursor = tape.frames(kind, cursor, **options)
        if not frames:
            return found
        found.extend(frames)


def newest(tape: Tape, kind: str, **options: Any) -> Frame | None:
    """The last frame of a kind; the others are read and let go."""
    last: Frame | None = None
    cursor = None
    while True:
        frames, cursor = tape.frames(kind, cursor, **options)
        if not frames:
            return last
        last = frames[-1]


def scalars(tape: Tape) -> dict[str, tuple[Any, Any]]:
    """tag -> (steps, values)."""
    parts: dict[str, list[tuple[Any, Any]]] = {}
    for f in gather(tape, "scalars"):
        tags = np.asarray(f.columns["tag"])
        for tag in np.unique(tags):
            rows = tags == tag
            parts.setdefault(tape.strings[int(tag)], []).append((f.columns["step"][rows], f.columns["value"][rows]))
    return {t: (np.concatenate([s for s, _ in p]), np.concatenate([v for _, v in p])) for t, p in parts.items()}


# -- distributions --------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A histogram of one step: `counts[i]` values lie in bin `first + i` of the 2,048."""

    step: int
    first: int
    counts: Any


def histograms(tape: Tape) -> dict[str, list[Row]]:
    """key -> its rows, oldest first; keys in the order in which they were first seen."""
    found: dict[str, list[Row]] = {}
    for f in gather(tape, "histograms"):
        c = f.columns
        ends = np.cumsum(c["length"], dtype=np.int64)
        for key, step, first, length, end in zip(c["key"], c["step"], c["first"], c["length"], ends, strict=True):
            found.setdefault(tape.strings[int(key)], []).append(Row(int(step), int(first), c["count"][int(end) - int(length):int(end)]))
    return found


def _bins() -> tuple[Any, Any]:
    """Lower and upper ends of the 2,040 bins of finite values, by value (bin 4 to bin 2,043)."""
    up = (np.arange(1021, dtype=np.uint32) << np.uint32(21)).view(np.float32).astype(np.float64)
    up[-1] = float(np.finfo(np.float32).max)
    return np.concatenate([-up[:0:-1], up[:-1]]), np.concatenate([-up[-2::-1], up[1:]])


def on_axis(rows: Sequence[Row], bins: int = 40, most: int = 240) -> tuple[list[int], Any, Any]:
    """(steps, edges [bins + 1], counts [rows, bins]) of at most `most` rows, evenly chosen.

    The float bins are spread over equal stretches of a linear axis that holds all but a thousandth of the values at either end.
    """
    pick = np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(int)
    dense = np.zeros((len(pick), 2048))
    for i, j in enumerate(pick):
        r = rows[j]
        dense[i, r.first:r.first + len(r.counts)] = r.counts
    dense = dense[:, 4:2044]
    lows, highs = _bins()
    total = dense.sum(0)
    share = np.cumsum(total) / max(total.sum(), 1)
    low = float(lows[min(int(np.searchsorted(share, 0.001, "right")), 2039)])
    high = float(highs[min(int(np.searchsorted(share, 0.999)), 2039)])
    if not high > low:
        low, high = low - 0.5, high + 0.5
    axis = np.linspace(low, high, bins + 1)
    used = np.flatnonzero(total)
    a, z = lows[used, None], highs[used, None]
    part = np.clip(np.minimum(z, axis[None, 1:]) - np.maximum(a, axis[None, :-1]), 0, None) / (z - a)
    return [rows[j].step for j in pick], axis, dense[:, used] @ part


# -- structure ------------------------------------------------------------------------------------------------------------


@dataclass
class Structure:
    """One graph as lists of text and numbers."""

    number: int = -1
    op_name: list[str] = field(default_factory=list)
    op_label: list[str] = field(default_factory=list)
    op_module: list[int] = field(default_factory=list)
    op_flags: list[int] = field(default_factory=list)
    op_shape: list[str] = field(default_factory=list)
    op_in: list[list[int]] = field(default_factory=list)
    src_name: list[str] = field(default_factory=list)
    src_kind: list[int] = field(default_factory=list)
    src_shape: list[str] = field(default_factory=list)
    mod_path: list[str] = field(default_factory=list)
    mod_class: list[str] = field(default_factory=list)
    mod_parent: list[int] = field(default_factory=list)
    node_name: list[str] = field(default_factory=list)
    node_op: list[int] = field(default_factory=list)
    node_src: list[int] = field(default_factory=list)


_TEXTS = ("op_name", "op_label", "op_shape", "src_name", "src_shape", "mod_path", "mod_class", "node_name")
_NUMBERS = ("op_module", "op_flags", "src_kind", "mod_parent", "node_op", "node_src")


def structure(tape: Tape, wanted: int | None = None) -> Structure | None:
    """The wanted graph of a tape, else the current one, or the last one that was; None when nothing was recorded."""
    graphs: dict[int, Structure] = {}
    current = -1
    for f in gather(tape, "graph"):
        number = f.meta["graph"]
        g = graphs.setdefault(number, Structure(number))
        if f.meta.get("current", True):
            current = number
        c, text = f.columns, tape.strings
        for name in _TEXTS:
            getattr(g, name).extend(text[int(i)] for i in c.get(name, ()))
        for name in _NUMBERS:
            getattr(g, name).extend(int(i) for i in c.get(name, ()))
        start = 0
        for n in c.get("op_inputs", ()):
            g.op_in.append([int(i) for i in c["op_in"][start:start + int(n)]])
            start += int(n)
    if not graphs:
        return None
    return graphs.get(current if wanted is None else wanted) or graphs.get(current) or max(graphs.values(), key=lambda g: len(g.op_name))


# -- probed values --------------------------------------------------------------------------------------------------------


PLACES = ("activation/", "attention/", "embedding/", "grad/", "input/", "output/", "weight/")


def keys_of(key: str) -> list[str]:
    """What `key` may mean: itself, or the layer or parameter of that name."""
    return [key] if key.startswith(PLACES) else [f"activation/{key}", f"weight/{key}", key]


def probed(tape: Tape, key: str) -> tuple[Frame | None, Any]:
    """The newest value of a probe and its numbers in shape (flat when they are a sample); without a key, of any probe."""
    for k in keys_of(key) if key else [None]:
        f = newest(tape, "tensor", id=k)
        if f is not None:
            values, shape = np.asarray(f.columns["values"]), tuple(f.meta["shape"])
            return f, values.reshape(shape) if int(np.prod(shape)) == values.size else values
    return None, None


def projection(tape: Tape, key: str) -> Frame | None:
    """The newest projection of a probe that shows at least half as many points as any recent one: a last, small batch says little."""
    from .. import project

    kept: dict[str, tuple[Any, list[Frame]]] = tape.memory.setdefault("views.projection", {})
    for k in keys_of(key) if key else probes(tape)[:1]:
        cursor, recent = kept.get(k, (None, []))
        while True:
            frames, cursor = project.frames(tape, k, cursor)
            if not frames:
                break
            recent = [*recent, *frames][-8:]
        kept[k] = cursor, recent
        if recent:
            enough = max(int(f.meta["n"]) for f in recent) / 2
            return next(f for f in reversed(recent) if f.meta["n"] >= enough)
    return None


def probes(tape: Tape) -> list[str]:
    """Keys that have been probed."""
    return list(tape.status().get("probes", []))
